"""Chooses the sandbox of this host by trying: the first of the candidates in which a container runs.

The choice is kept in a file, valid until the host boots again or a program of the candidates is replaced.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bake.errors import Diagnostic, HostError
from bake.ports.sandbox import Sandbox
from bake.sandbox.candidates import Candidate, candidates, own_rights, stamp
from bake.sandbox.cgroups import sweep
from bake.sandbox.config import Rights
from bake.sandbox.ids import IdMap, current
from bake.sandbox.probe import probe

_FILE = "sandbox.json"


class _Choice(msgspec.Struct, frozen=True):
    """`number` is the place among the candidates; the rest must be as it was for the choice to hold."""

    boot: str
    host: str
    number: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate tried: `sandbox` when a container runs in it, else the `refusal`."""

    name: str
    package: str
    sandbox: Sandbox | None
    refusal: str = ""


async def detect(rootless: bool, scratch: Path, prefer: str | None = None) -> Sandbox:
    """The best sandbox, or the one named `prefer`: crun, runc, bubblewrap.

    To be called in the helper's namespaces. `scratch` holds probe containers for a moment and the choice for the next
    time. Raises HostError.
    """
    if not rootless:
        await sweep()
    ids = current()
    rows = [row for row in candidates(rootless) if prefer is None or row.name == prefer]
    rights = own_rights(ids)
    host = _host(rows, ids, prefer)
    kept = _kept(scratch, host)
    if kept is not None and kept < len(rows) and (made := _made(rows[kept], rights)) is not None:
        return made
    findings: list[Finding] = []
    for number, row in enumerate(rows):
        finding = await _try(row, rights, scratch)
        if finding.sandbox is not None:
            _keep(scratch, _Choice(_boot(), host, number))
            return finding.sandbox
        findings.append(finding)
    raise _nothing(findings, prefer)


async def survey(scratch: Path) -> list[Finding]:
    """Every candidate tried, for `bake doctor`. To be called in the helper's namespaces."""
    ids = current()
    return [await _try(row, own_rights(ids), scratch) for row in candidates(ids.rootless)]


async def _try(row: Candidate, rights: Rights, scratch: Path) -> Finding:
    sandbox = _made(row, rights)
    if sandbox is None:
        return Finding(row.name, row.package, None, "not installed")
    refusal = await probe(sandbox, scratch)
    return Finding(row.name, row.package, sandbox if refusal is None else None, refusal or "")


def _made(row: Candidate, rights: Rights) -> Sandbox | None:
    program = row.find()
    return None if program is None else row.make(program, rights)


_ADVICE: tuple[tuple[str, str], ...] = (
    ("permission denied", "this host forbids containers in containers: run bake in a privileged container"),
    ("operation not permitted", "this host forbids containers in containers: run bake in a privileged container"),
    ("no space left on device", "the limit of namespaces is reached: raise user.max_user_namespaces"),
    ("seccomp", "install a runtime that is built with libseccomp"),
)


def _nothing(findings: list[Finding], prefer: str | None) -> HostError:
    if not findings:
        return HostError(Diagnostic("no-sandbox", f"unknown sandbox {prefer!r}", hint="one of crun, runc, bubblewrap"))
    said = "; ".join(f"{finding.name}: {finding.refusal}" for finding in findings)
    missing = [finding.package for finding in findings if finding.refusal == "not installed"]
    advice = [f"install the package {' or '.join(missing)}"] if missing else []
    advice += [hint for sign, hint in _ADVICE if sign in said.lower()]
    return HostError(Diagnostic("no-sandbox", f"no RUN step can be run here: {said}", hint="; ".join(advice) or None))


# What was chosen last


def _host(rows: list[Candidate], ids: IdMap, prefer: str | None) -> str:
    """All that the choice depends on."""
    programs = [program for row in rows if (program := row.find()) is not None]
    return "\n".join([prefer or "", repr(ids), *map(stamp, programs)])


def _kept(scratch: Path, host: str) -> int | None:
    with suppress(OSError, msgspec.DecodeError):
        choice = msgspec.json.decode((scratch / _FILE).read_bytes(), type=_Choice)
        if (choice.boot, choice.host) == (_boot(), host):
            return choice.number
    return None


def _keep(scratch: Path, choice: _Choice) -> None:
    """A race with another bake writes the same choice; without a place to write it is tried again next time."""
    path = scratch / f"{_FILE}.{os.getpid()}"
    with suppress(OSError):
        path.write_bytes(msgspec.json.encode(choice))
        path.replace(scratch / _FILE)


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
