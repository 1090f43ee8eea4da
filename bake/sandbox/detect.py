"""Which sandbox this host has, by trying: the best first (reference/engine.md §1)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bake.errors import Diagnostic, HostError
from bake.ports import Execution, Sandbox, StartFailed
from bake.sandbox.cgroups import hide_host_cgroups
from bake.sandbox.runtime import Runtime

_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_UNSTARTED = "probe: started"

Candidate = tuple[str, Callable[[], Sandbox | None]]


async def detect(rootless: bool, scratch: Path, prefer: str | None = None) -> Sandbox:
    """A sandbox in which a probe container starts. Raises HostError with what to install.

    To be called inside the helper's namespaces; `scratch` is an empty directory.
    """
    problems: list[str] = []
    for number, (name, make) in enumerate(_candidates(rootless)):
        if prefer and prefer != name:
            continue
        sandbox = make()
        if sandbox is None:
            problems.append(f"{name} is not installed")
            continue
        problem = await _probe(sandbox, scratch / f"probe{number}")
        if problem is None:
            return sandbox
        problems.append(f"{name}: {problem}")
    hint = f"install {prefer}" if prefer else "install the package crun or runc"
    raise HostError(Diagnostic("no-sandbox", f"no sandbox for RUN works here ({'; '.join(problems)})", hint=hint))


def _candidates(rootless: bool) -> Iterator[Candidate]:
    if rootless:
        yield "crun", lambda: _cured_crun()
    else:
        yield "crun", lambda: _runtime("crun", ("--cgroup-manager=cgroupfs",), False)
    yield "runc", lambda: _runtime("runc", (), rootless)


def _cured_crun() -> Sandbox | None:
    return _runtime("crun", ("--cgroup-manager=disabled",), True) if find("crun") and hide_host_cgroups() else None


def _runtime(name: str, options: tuple[str, ...], rootless: bool) -> Runtime | None:
    path = find(name)
    return Runtime(name, path, options, rootless) if path else None


def find(name: str) -> str | None:
    """A program, also where an ordinary user's PATH does not look."""
    return shutil.which(name) or shutil.which(name, path=_SEARCH)


async def _probe(sandbox: Sandbox, scratch: Path) -> str | None:
    """Starts a program that is not there, in an empty root: all but the last step must work."""
    root = scratch / "root"
    root.mkdir(parents=True)
    place = scratch / "place"
    place.mkdir()
    execution = Execution(
        args=("/bake-probe",), env=(), cwd="/", user="", network="none", insecure=False, hostname="probe", mounts=(),
        shm_size=1 << 20, ulimits=(), terminal=False,
    )  # fmt: skip
    try:
        await sandbox.run(str(root), execution, str(place), lambda _stream, _chunk: None)
    except StartFailed as error:
        reason = str(error)
        return None if "bake-probe" in reason or "no such file" in reason.lower() else reason
    return None
