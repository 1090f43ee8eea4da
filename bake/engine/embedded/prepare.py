"""From steps and their inputs to what the helper is asked: selections, layer directories, secrets, caches."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256

from msgspec.structs import replace

from bake.engine.embedded.caches import cache_key
from bake.engine.embedded.requests import (
    Action,
    Agent,
    Bound,
    Cached,
    Command,
    Copy,
    Exec,
    Memory,
    Mkdir,
    Mounted,
    Request,
    Secret,
)
from bake.engine.embedded.selection import Chosen, HostFiles, OneFile, Source, States, Written, choose
from bake.errors import Diagnostic, HostError, StepError
from bake.plan.select import Item, Root, SourceMissing, resolve, select
from bake.plan.step import (
    BindMount,
    CacheMount,
    CopyAction,
    CopyOp,
    ExecMount,
    ExecOp,
    MkdirOp,
    SecretMount,
    SshMount,
    TmpfsMount,
)
from bake.plan.tree import SCRATCH, Entry, StateId, Tree, state_over
from bake.ports.engine import Process, Say
from bake.ports.layers import Layer
from bake.ports.store import Store
from bake.ports.task import BlobInput, FilesInput, Input, StateInput, Task, TreeInput

MakeRequest = Callable[[str], Request]
"""A request that makes a layer, given its scratch directory."""
Ensure = Callable[[StateId, Say], Awaitable[None]]
Make = Callable[[StateId, MakeRequest, Say], Awaitable[Layer]]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Preparation:
    """Reads the store; `make` commits a layer over a state (for context directories that a step mounts)."""

    def __init__(self, store: Store, ensure: Ensure, make: Make) -> None:
        self._store = store
        self._ensure = ensure
        self._make = make

    def layers(self, state: StateId) -> tuple[str, ...]:
        """The directories that make up an unpacked state, bottom first."""
        found: list[str] = []
        for layer in self._store.layers.chain(state):
            if layer.directory is None:
                raise HostError(Diagnostic("lost-layer", f"the layer {layer.state[:12]} is not unpacked"))
            found.append(str(layer.directory / "fs"))
        # overlayfs refuses a directory twice; of a layer linked in again the topmost one hides the others anyway.
        return tuple(reversed(dict.fromkeys(reversed(found))))

    async def request(self, task: Task, say: Say) -> MakeRequest:
        """What makes the layer of a COPY, WORKDIR or RUN. Raises StepError when its inputs do not fit."""
        parent = task.inputs[0]
        assert isinstance(parent, StateInput)
        lower = self.layers(parent.state)
        match task.step.op:
            case CopyOp() as op:
                sources, actions = self.copies(op, task.inputs)
                return lambda scratch: Copy(scratch, lower, sources, actions)
            case MkdirOp(path, owner, mode, epoch):
                return lambda scratch: Mkdir(scratch, lower, path, owner, mode, epoch)
            case ExecOp() as run:
                command, mounts, files = command_of(run, task), await self.mounts(run, task, say), run.files
                return lambda scratch: Exec(scratch, lower, command, mounts, files, task.timeout, task.step.platform)
        raise HostError(Diagnostic("engine-defect", f"the embedded engine does not run {task.step.op!r}"))

    # COPY

    def copies(self, op: CopyOp, inputs: Sequence[Input]) -> tuple[tuple[Source, ...], tuple[Action, ...]]:
        """Sources and actions of a COPY. Raises StepError when a source is missing."""
        used = sorted({action.input for action in op.actions})
        position = {number: at for at, number in enumerate(used)}
        sources = tuple(self._source(inputs[number]) for number in used)
        trees = {number: self._tree(inputs[number]) for number in used}
        return sources, tuple(_action(a, position[a.input], trees[a.input]) for a in op.actions)

    def _source(self, given: Input) -> Source:
        match given:
            case StateInput(state):
                return States(self.layers(state))
            case TreeInput(root, _):
                return HostFiles(root)
            case FilesInput(files):
                return Written(files)
            case BlobInput(path, name, _):
                return OneFile(str(path), name)

    def _tree(self, given: Input) -> Tree:
        match given:
            case StateInput(state):
                tree = self._store.layers.tree(state)
                if tree is None:
                    raise HostError(Diagnostic("lost-layer", f"the state {state[:12]} is not unpacked"))
                return tree
            case TreeInput(_, tree):
                return tree
            case FilesInput(files):
                return {file.path.lstrip("/"): _written(file.data, file.mode) for file in files}
            case BlobInput(path, name, mtime):
                size = path.stat().st_size
                return {name: Entry("f", 0o600, size=size, mtime=int(mtime * 10**9))}

    # RUN

    async def mounts(self, op: ExecOp, task: Task, say: Say) -> tuple[Mounted, ...]:
        """The mounts of a RUN. Raises StepError for a required secret or agent that is not there."""
        found = [await self._mount(mount, task, say) for mount in op.mounts]
        return tuple(mounted for mounted in found if mounted is not None)

    async def _mount(self, mount: ExecMount, task: Task, say: Say) -> Mounted | None:
        match mount:
            case BindMount():
                state, source = await self._mountable(task.inputs[mount.input], mount.source, say)
                return Bound(mount.target, self.layers(state), source, mount.writable)
            case CacheMount():
                return await self._cache(mount, task, say)
            case TmpfsMount():
                return Memory(mount)
            case SecretMount():
                return _secret(mount, task.secrets)
            case SshMount():
                return _agent(mount, task.ssh)

    async def _cache(self, mount: CacheMount, task: Task, say: Say) -> Cached:
        if mount.input < 0:
            return Cached(mount, str(self._store.root / "caches" / cache_key(mount, "")), None)
        state, source = await self._mountable(task.inputs[mount.input], mount.source, say)
        directory = self._store.root / "caches" / cache_key(mount, state)
        return Cached(replace(mount, source=source), str(directory), self.layers(state))

    async def _mountable(self, given: Input, source: str, say: Say) -> tuple[StateId, str]:
        """A state, and where in it is what is mounted.

        A context becomes a layer of its own, so that the step sees nothing that is ignored.
        """
        if isinstance(given, StateInput):
            await self._ensure(given.state, say)
            return given.state, source or "/"
        tree = self._tree(given)
        try:
            real = resolve(tree, source)
        except SourceMissing as error:
            raise StepError(Diagnostic("missing-source", str(error))) from None
        whole = _whole(tree, real)
        known = self._store.layers.layer(state_over(SCRATCH, {item.to: item.entry for item in whole.items}))
        if known is not None and known.directory is not None:
            return known.state, "/" + real
        action = Action(0, "/", "", "", True, False, (choose(whole),))
        origin = self._source(given)
        layer = await self._make(SCRATCH, lambda scratch: Copy(scratch, (), (origin,), (action,)), say)
        return layer.state, "/" + real


def command_of(given: ExecOp | Process, task: Task | None = None) -> Command:
    """What is run, with the environment of this run."""
    if isinstance(given, Process):
        env, hosts = given.env, ()
        return Command(given.args, _with_path(env), given.cwd, given.user, _network(given.network), False,
                       "bake", hosts, 64 << 20, ())  # fmt: skip
    assert task is not None
    ambient = task.step.ambient
    addresses = tuple(ambient.host_addresses)
    env = (*given.env, *ambient.env, *_secret_variables(given, task.secrets), *_agent_variable(given))
    return Command(
        args=given.args,
        env=_with_path(env),
        cwd=given.cwd or "/",
        user=given.user,
        network=_network(given.network),
        insecure=given.security == "insecure",
        hostname=given.hostname,
        hosts=addresses,
        shm_size=given.shm_size,
        ulimits=given.ulimits,
    )


def _network(name: str) -> str:
    """A step without a wish shares the host's network: there is no daemon that could make another."""
    return "none" if name == "none" else "host"


def _with_path(env: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    merged = dict(env)
    return (*merged.items(), *(() if "PATH" in merged else (("PATH", DEFAULT_PATH),)))


def _secret_variables(op: ExecOp, secrets: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """A missing secret is an empty variable (dockerfile.md §7.1)."""
    wanted = [mount for mount in op.mounts if isinstance(mount, SecretMount) and mount.env]
    return [(mount.env, secrets.get(mount.id, b"").decode("utf-8", "surrogateescape")) for mount in wanted]


def _agent_variable(op: ExecOp) -> list[tuple[str, str]]:
    first = next((mount for mount in op.mounts if isinstance(mount, SshMount)), None)
    known = any(name == "SSH_AUTH_SOCK" for name, _ in op.env)
    return [] if first is None or known else [("SSH_AUTH_SOCK", first.target)]


def _secret(mount: SecretMount, secrets: Mapping[str, bytes]) -> Secret | None:
    data = secrets.get(mount.id)
    if data is None and mount.required:
        hint = f'give it with secret = [{{ id = "{mount.id}", … }}] in the target'
        raise StepError(Diagnostic("missing-secret", f"secret {mount.id}: not found", hint=hint))
    if data is None or not mount.target:
        return None
    return Secret(mount.target, data, mount.mode, mount.uid, mount.gid)


def _agent(mount: SshMount, agents: Mapping[str, str]) -> Agent | None:
    socket = agents.get(mount.id)
    if socket is None and mount.required:
        hint = "start ssh-agent, or name its socket in the target's ssh key"
        raise StepError(Diagnostic("missing-ssh", f"ssh agent {mount.id}: not found", hint=hint))
    return None if socket is None else Agent(mount, socket)


def _action(action: CopyAction, source: int, tree: Tree) -> Action:
    roots = _roots(tree, action)
    return Action(source, action.dest, action.owner, action.mode, action.parents, action.unpack, roots)


def _roots(tree: Tree, action: CopyAction) -> tuple[Chosen, ...]:
    try:
        return tuple(choose(root) for root in select(tree, action))
    except SourceMissing as error:
        raise StepError(Diagnostic("missing-source", str(error))) from None
    except ValueError as error:
        raise StepError(Diagnostic("bad-pattern", str(error))) from None


def _whole(tree: Tree, path: str) -> Root:
    """Everything at and below `path`, at its own place."""
    below = path + "/" if path else ""
    items = (
        Item(each, each, entry)
        for each, entry in tree.items()
        if each and (each == path or each.startswith(below) or path.startswith(each + "/"))
    )
    return Root("", "", Entry("d", 0o755), tuple(items))


def _written(text: str, mode: int) -> Entry:
    data = text.encode("utf-8", "surrogateescape")
    return Entry("f", mode, size=len(data), digest=sha256(data).hexdigest(), mtime=time.time_ns())
