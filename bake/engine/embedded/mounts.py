"""What a RUN step finds mounted: each kind of `--mount` becomes a bind or a tmpfs (dockerfile.md §7.1)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from hashlib import sha256

from bake.engine.embedded import caches
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.overlay import mount_state, mount_writable
from bake.engine.embedded.requests import Agent, Bound, Cached, Memory, Mounted, Secret
from bake.engine.embedded.resolve import resolve
from bake.engine.embedded.seed import copy_subtree
from bake.engine.embedded.ssh_agent import AgentSocket
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.threads import in_thread
from bake.engine.embedded.workspace import Mounts, Workspace
from bake.errors import Diagnostic, StepError
from bake.plan.step import WrittenFile
from bake.ports.sandbox import Bind, Tmpfs

Say = Callable[[str], None]


class MountPlan:
    """Prepares the mounts of one step in `place`. What it opens is closed by `stack`, mounts by `mounts`."""

    def __init__(
        self, place: str, scratch: str, workspace: Workspace, mounts: Mounts, stack: AsyncExitStack, say: Say
    ) -> None:
        self.place = place
        self.scratch = scratch
        self.workspace = workspace
        self.mounts = mounts
        self.stack = stack
        self.say = say
        self._leases: dict[str, caches.Lease] = {}
        self._count = 0

    async def prepare(self, mounted: Mounted) -> Bind | Tmpfs:
        """Raises StepError when a source is missing."""
        match mounted:
            case Bound():
                return self._bound(mounted)
            case Cached():
                return await self._cached(mounted)
            case Secret():
                path = self.file(mounted.data, mounted.mode, mounted.uid, mounted.gid)
                return Bind(path, mounted.target, True)
            case Agent():
                agent = await AgentSocket.start(self._new("agent"), mounted.socket, mounted.mount)
                self.stack.callback(agent.close)
                return Bind(agent.path, mounted.mount.target, True)
            case Memory():
                return Tmpfs(mounted.mount.target, mounted.mount.size, 0o1777)

    def script(self, file: WrittenFile) -> Bind:
        """A script of `RUN <<EOF`."""
        data = file.data.encode("utf-8", "surrogateescape")
        return Bind(self.file(data, file.mode, 0, 0), file.path, True)

    def file(self, data: bytes, mode: int, uid: int, gid: int) -> str:
        """A file in memory; returns its path."""
        path = self._new("file")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
        with suppress(PermissionError):
            os.chown(path, uid, gid)
        os.chmod(path, mode)
        return path

    def _bound(self, bound: Bound) -> Bind:
        may, fillers = self.workspace.may, self.workspace.fillers
        with Stack(bound.layers, may) as view:
            source = resolve(view.lookup, bound.source)
            if source and view.lookup(source) is None:
                raise StepError(Diagnostic("missing-source", f'"{bound.source}": not found'))
        target = self.mounts.add(self._new("bound"))
        if bound.writable:
            upper = os.path.join(self.scratch, f"bound{self._count}")
            copy_root(bound.layers, os.path.join(upper, "fs"), may)
            mount_writable(target, bound.layers, os.path.join(upper, "fs"), os.path.join(upper, "work"), fillers, may)
        else:
            mount_state(target, bound.layers, fillers, may)
        return Bind(os.path.join(target, source), bound.target, not bound.writable)

    async def _cached(self, cached: Cached) -> Bind:
        mount = cached.mount
        key = sha256(f"{cached.directory}\0{mount.sharing}".encode()).hexdigest()
        held = self._leases.get(key)
        if held is None:
            root, _, name = cached.directory.rpartition("/")
            held = await caches.lease(root, name, mount.sharing, lambda: self.say(f"waiting for cache {mount.id}"))
            self.stack.callback(held.release)
            self._leases[key] = held
        if held.fresh:
            await held.fill(lambda path: self._fill(path, cached))
        return Bind(held.data, mount.target, mount.readonly)

    async def _fill(self, path: str, cached: Cached) -> None:
        may, mount = self.workspace.may, cached.mount
        if cached.layers is not None:
            layers, source = cached.layers, mount.source
            if await in_thread(lambda check: copy_subtree(layers, source, path, may, check)):
                return
        os.mkdir(path, 0o700)
        with suppress(PermissionError):
            os.chown(path, mount.uid, mount.gid)
        os.chmod(path, mount.mode)

    def _new(self, kind: str) -> str:
        self._count += 1
        return os.path.join(self.place, f"{kind}{self._count}")


def copy_root(layers: tuple[str, ...], fs: str, may: Ownership) -> None:
    """Makes an upper directory that looks like the root of the state below: its attributes are what the step sees."""
    from bake.engine.embedded import attributes

    os.makedirs(fs, 0o755)
    with Stack(layers, may) as lower:
        root = lower.lookup("")
    if root is None:
        os.chmod(fs, stat.S_IRWXU | 0o055)
        return
    handle = os.open(fs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        attributes.apply(handle, ".", root, may)
    finally:
        os.close(handle)
