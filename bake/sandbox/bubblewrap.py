"""Runs a step by bubblewrap: where there is no OCI runtime. Less than one; what is missing is in `reductions`."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from bake.ports.sandbox import Bind, Execution, StartFailed, Tmpfs
from bake.sandbox.capabilities import DEFAULT
from bake.sandbox.child import Child, Output
from bake.sandbox.complaints import readable
from bake.sandbox.ids import IdMap
from bake.sandbox.reductions import reductions
from bake.sandbox.subject import enter, identity_of
from bake.sandbox.ulimits import UNLIMITED, parse_ulimit
from bake.sandbox.uninterrupted import uninterrupted
from bake.sandbox.users import Identity

_MISSING = ("resource-limits", "setuid", "bounding-set", "seccomp", "masks", "insecure", "terminal")
_TRIES, _PAUSE = 50, 0.1
_KEPT = 4096
_READ_ONLY = ("/proc/sys", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sysrq-trigger")
_MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list")


class _Status(msgspec.Struct, rename="kebab"):
    child_pid: int | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """bwrap at `binary`."""

    binary: str
    ids: IdMap
    name: str = "bubblewrap"

    @property
    def reductions(self) -> Mapping[str, str]:
        """See reductions.py."""
        return reductions(*_MISSING, "one-id" if self.ids.single else "users")

    async def run(self, root: str, execution: Execution, scratch: str, output: Output | None) -> int:
        """See ports.sandbox.Sandbox."""
        identity = identity_of(root, execution, self.ids)
        if identity.uid != 0:
            raise StartFailed(f"bubblewrap cannot run as user {execution.user}; install crun or runc")
        if execution.insecure:
            raise StartFailed("bubblewrap cannot run with --security=insecure; install crun or runc")
        entered = enter(root, execution, identity)
        with tempfile.TemporaryFile(dir=scratch) as options, tempfile.TemporaryFile(dir=scratch) as status:
            # By a handle, as a command line can be read by every user of the host.
            options.write(b"".join(os.fsencode(text) + b"\0" for text in bwrap_options(root, entered)))
            options.seek(0)
            fds = ("--args", str(options.fileno()), "--json-status-fd", str(status.fileno()))
            argv = [*self._prefix(entered, identity), self.binary, *fds, "--", *entered.args]
            return await _driven(argv, output, options, status, execution.args[0] if execution.args else "")

    def _prefix(self, execution: Execution, identity: Identity) -> list[str]:
        """What must be set from outside: limits and supplementary groups pass through."""
        prefix: list[str] = []
        if execution.ulimits:
            prefix += ["prlimit", *map(_prlimit, execution.ulimits)]
        if self.ids.setgroups:
            prefix += ["setpriv", "--regid", str(identity.gid), "--groups", ",".join(map(str, identity.groups))]
        return prefix


def bwrap_options(root: str, execution: Execution) -> Iterator[str]:
    """bwrap's options, in the order in which it mounts."""
    yield from ("--bind", root, "/", "--dev", "/dev", "--mqueue", "/dev/mqueue", "--proc", "/proc")
    for path in filter(os.path.exists, _READ_ONLY):
        yield from ("--ro-bind", path, path)
    for path in filter(os.path.exists, _MASKED):
        yield from ("--ro-bind", "/dev/null", path)
    yield from ("--ro-bind", "/sys", "/sys", "--perms", "0555", "--tmpfs", "/sys/fs/cgroup")
    yield from ("--remount-ro", "/sys/fs/cgroup")
    yield from ("--perms", "1777", *_sized(execution.shm_size), "--tmpfs", "/dev/shm")
    for mount in execution.mounts:
        yield from _mount(mount)
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", execution.hostname)
    if execution.network == "none":
        yield "--unshare-net"
    yield from ("--as-pid-1", "--die-with-parent", "--new-session", "--clearenv")
    for name, value in execution.env:
        yield from ("--setenv", name, value)
    yield from ("--chdir", execution.cwd, "--cap-drop", "ALL")
    for capability in DEFAULT:
        yield from ("--cap-add", capability)


def _mount(mount: Bind | Tmpfs) -> Sequence[str]:
    if isinstance(mount, Tmpfs):
        return ("--perms", f"{mount.mode:04o}", *_sized(mount.size), "--tmpfs", mount.target)
    return ("--ro-bind" if mount.readonly else "--bind", mount.source, mount.target)


def _sized(size: int) -> Sequence[str]:
    return ("--size", str(size)) if size else ()


def _prlimit(text: str) -> str:
    try:
        name, soft, hard = parse_ulimit(text)
    except ValueError as error:
        raise StartFailed(str(error)) from None
    low, high = ("unlimited" if limit == UNLIMITED else str(limit) for limit in (soft, hard))
    return f"--{name}={low}:{high}"


async def _driven(argv: Sequence[str], output: Output | None, options: BinaryIO, status: BinaryIO, program: str) -> int:
    last = bytearray()

    def tapped(stream: str, chunk: bytes) -> None:
        assert output is not None
        if stream == "stderr":
            last[:] = (last + chunk)[-_KEPT:]
        output(stream, chunk)

    child = await Child.start(argv, output and tapped, handles=(options.fileno(), status.fileno()))
    try:
        code = await child.wait()
    except BaseException:
        await uninterrupted(_end(child, status))
        raise
    if not any(row.exit_code is not None for row in _rows(status)):
        raise StartFailed(_complaint(bytes(last), program))
    return code


def _complaint(stderr: bytes, program: str) -> str:
    *_, said = ["", *stderr.decode("utf-8", "replace").splitlines()]
    return readable(said.removeprefix("bwrap: "), program) or f'exec: "{program}": cannot be started'


async def _end(child: Child, status: BinaryIO) -> None:
    """Kills pid 1 of the container, and so all of it; bwrap then ends by itself."""
    for _ in range(_TRIES):
        for row in _rows(status):
            if row.child_pid is not None and not child.ended:
                with suppress(ProcessLookupError):
                    os.kill(row.child_pid, signal.SIGKILL)
        if await child.ended_within(_PAUSE):
            break
    child.kill()  # --die-with-parent
    await child.ended_within(_PAUSE)
    child.drop_output()


def _rows(status: BinaryIO) -> list[_Status]:
    """What bwrap told so far: an exit code only of a program that it could start."""
    said = os.pread(status.fileno(), _KEPT, 0)  # not read(): the place in the file is shared with bwrap
    rows = [line for line in said.splitlines(keepends=True) if line.endswith(b"\n")]
    return [msgspec.json.decode(row, type=_Status) for row in rows]
