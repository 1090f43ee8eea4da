"""RUN: a writable view of the state, the step's mounts, a sandbox; afterwards the changes become the layer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from time import time_ns

from bake.engine.embedded.answers import Made
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.commit import read_upper
from bake.engine.embedded.given_times import Window, with_given_times
from bake.engine.embedded.made import write_listing
from bake.engine.embedded.mounts import MountPlan, copy_root
from bake.engine.embedded.overlay import mount_writable
from bake.engine.embedded.remove import remove_tree
from bake.engine.embedded.requests import Cached, Command, Exec, Interact, Mounted
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.stubs import Stubs
from bake.engine.embedded.threads import in_thread
from bake.engine.embedded.workspace import Mounts, Workspace
from bake.errors import Diagnostic, StepFailed
from bake.plan.golang import quote
from bake.ports.sandbox import Bind, Execution, Sandbox, StartFailed, Tmpfs

Output = Callable[[str, bytes], None]
_RUNTIMES_OWN = ("dev", "proc", "sys")


async def execute(
    request: Exec, sandbox: Sandbox, workspace: Workspace, output: Output, say: Callable[[str], None]
) -> Made:
    """Runs the step. Raises StepFailed when the process fails, is not found, or takes longer than it may."""
    fs, work = os.path.join(request.scratch, "fs"), os.path.join(request.scratch, "work")
    copy_root(request.lower, fs, workspace.may)
    async with AsyncExitStack() as stack:
        place = stack.enter_context(workspace.place())
        mounts = Mounts()
        stack.callback(mounts.close)
        plan = MountPlan(place, request.scratch, workspace, mounts, stack, say)
        binds = [await plan.prepare(mounted) for mounted in sorted(request.mounts, key=_turn)]
        binds += [*map(plan.script, request.files), *_generated(plan, request.command)]
        binds.sort(key=lambda bind: bind.target)
        stubs = _stubs(request.lower, binds, workspace.may)
        root = mounts.add(os.path.join(place, "root"))
        mount_writable(root, request.lower, fs, work, workspace.fillers, workspace.may)
        _make_runtimes_own(root)
        began = time_ns()
        code = await _limited(request, sandbox, root, _execution(request.command, binds, False), place, output)
    if code != 0:
        raise _failed(request.command, f"did not complete successfully: exit code: {code}", code)
    stubs.remove(fs)
    window = Window(began, time_ns())
    return await in_thread(lambda check: _commit(request, window, workspace.may, check))


async def interact(request: Interact, sandbox: Sandbox, workspace: Workspace) -> int:
    """Runs a process on a copy that is thrown away, with the helper's stdio; its exit code."""
    fs, work = os.path.join(request.scratch, "fs"), os.path.join(request.scratch, "work")
    copy_root(request.lower, fs, workspace.may)
    async with AsyncExitStack() as stack:
        place = stack.enter_context(workspace.place())
        mounts = Mounts()
        stack.callback(mounts.close)
        plan = MountPlan(place, request.scratch, workspace, mounts, stack, lambda _: None)
        binds = _generated(plan, request.command)
        root = mounts.add(os.path.join(place, "root"))
        mount_writable(root, request.lower, fs, work, workspace.fillers, workspace.may)
        execution = _execution(request.command, binds, request.terminal)
        try:
            return await sandbox.run(root, execution, _sandbox_place(place), None)
        except StartFailed as error:
            raise _failed(request.command, f"could not be started: {error}", None) from None


def _commit(request: Exec, window: Window, may: Ownership, check: Callable[[], None]) -> Made:
    with os.scandir(request.scratch) as rows:
        leftovers = [row.path for row in rows if row.name != "fs"]
    for path in leftovers:
        remove_tree(path)
    with Stack(request.lower, may) as lower:
        listing = read_upper(os.path.join(request.scratch, "fs"), lower, may, check)
        listing = with_given_times(listing, lower.lookup, window)
    return write_listing(request.scratch, listing)


async def _limited(request: Exec, sandbox: Sandbox, root: str, execution: Execution, place: str, output: Output) -> int:
    try:
        async with asyncio.timeout(request.timeout or None):
            return await sandbox.run(root, execution, _sandbox_place(place), output)
    except TimeoutError:
        message = f"did not finish within {request.timeout:g} s"
        raise _failed(request.command, message, None, "step-timeout") from None
    except StartFailed as error:
        raise _failed(request.command, f"could not be started: {error}", None) from None


def _turn(mounted: Mounted) -> str:
    """Caches are taken in one order by all steps, so that no two wait for one another."""
    return mounted.directory if isinstance(mounted, Cached) else ""


def _sandbox_place(place: str) -> str:
    path = os.path.join(place, "sandbox")
    os.mkdir(path, 0o700)
    return path


def _execution(command: Command, binds: Sequence[Bind | Tmpfs], terminal: bool) -> Execution:
    return Execution(
        args=command.args,
        env=command.env,
        cwd=command.cwd,
        user=command.user,
        network=command.network,
        insecure=command.insecure,
        hostname=command.hostname,
        mounts=tuple(binds),
        shm_size=command.shm_size,
        ulimits=command.ulimits,
        terminal=terminal,
    )


def _generated(plan: MountPlan, command: Command) -> list[Bind | Tmpfs]:
    """/etc/hosts and /etc/resolv.conf (dockerfile.md §7.3)."""
    hosts = f"127.0.0.1\tlocalhost {command.hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    hosts += "".join(f"{address}\t{name.lower()}\n" for name, address in command.hosts)
    return [
        Bind(plan.file(hosts.encode(), 0o644, 0, 0), "/etc/hosts", True),
        Bind(plan.file(_resolv_conf(), 0o644, 0, 0), "/etc/resolv.conf", True),
    ]


def _resolv_conf() -> bytes:
    """The host's own. A step shares the host's network, so a resolver on loopback is reached as well."""
    try:
        with open("/etc/resolv.conf", "rb") as file:
            return file.read(1 << 16)
    except OSError:
        return b""


def _stubs(lower: tuple[str, ...], binds: Sequence[Bind | Tmpfs], may: Ownership) -> Stubs:
    with Stack(lower, may) as view:
        return Stubs(view.lookup, [bind.target for bind in binds])


def _make_runtimes_own(root: str) -> None:
    """Runtimes make them, each with modes of its own (crun: 1755), and a layer must not depend on which one it was."""
    for name in _RUNTIMES_OWN:
        with suppress(FileExistsError):
            os.mkdir(os.path.join(root, name))
            os.chmod(os.path.join(root, name), 0o755)


def _failed(command: Command, what: str, code: int | None, kind: str = "step-failed") -> StepFailed:
    return StepFailed(Diagnostic(kind, f"process {quote(' '.join(command.args))} {what}"), code)
