"""How the helper process is started: in the most capable namespaces that this host allows (reference/engine.md §1)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

_PROBE_SECONDS = 10.0
_GRACE_SECONDS = 0.5  # for the end of a probe that has complained already
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
# pdeathsig reaches the child when bake dies by SIGKILL; unshare's --kill-child passes it on.
_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
_ALL_IDS, _ENOUGH_IDS = 2**32 - 1, 65536


class HelperSettings(msgspec.Struct, frozen=True):
    """What the helper is told at its start.

    `home` is an empty directory, `keep` one where a choice of sandbox may be kept; `stdio` are bake's own 0, 1, 2.
    """

    socket: int
    stdio: tuple[int, ...]
    tier: str
    home: str
    keep: str
    sandbox: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """`root`, `subordinate` ids, one `single` id, or `none` (no namespaces); see attributes.Ownership.

    `unshare` makes its namespaces; `advice` says why the tier is not better and what to do.
    """

    name: str
    unshare: tuple[str, ...] = ()
    advice: str = ""


def helper_argv(tier: Tier, settings: HelperSettings) -> list[str]:
    """The command line of a helper."""
    # -P: a directory named `bake` where the user stands must not be imported.
    return [
        *_WITH_PARENT,
        *tier.unshare,
        sys.executable,
        "-P",
        "-m",
        "bake.host",
        msgspec.json.encode(settings).decode(),
    ]


async def find_tier() -> Tier:
    """Tries each tier with a harmless command, the best first."""
    advice: list[str] = []
    for name, unshare in _candidates():
        refusal = await _probe([*unshare, "--", "true"])
        if refusal is None:
            return Tier(name, unshare, "; ".join(advice))
        advice.append(_advise(refusal))
    return Tier("none", advice="; ".join(dict.fromkeys(advice)))


def _candidates() -> Iterator[tuple[str, tuple[str, ...]]]:
    if os.geteuid() == 0:
        ids = _mapped_ids()
        yield "root" if ids == _ALL_IDS else "subordinate" if ids >= _ENOUGH_IDS else "single", _NAMESPACES
    yield "subordinate", (*_NAMESPACES, "--user", "--map-auto", "--map-root-user")
    yield "single", (*_NAMESPACES, "--user", "--map-root-user")


def _mapped_ids() -> int:
    """How many user ids exist here: root of a user namespace (a rootless container) is not the host's root."""
    try:
        return sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    except OSError:
        return _ALL_IDS


async def _probe(argv: list[str]) -> str | None:
    """None if the command works, else what it said. It may hang when newuidmap is refused, so it has its own group."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        return f"{argv[0]}: not found"
    assert process.stderr is not None
    said = b""
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            said = await process.stderr.read(4096)
        async with asyncio.timeout(_GRACE_SECONDS if said else _PROBE_SECONDS):
            await process.wait()
    except TimeoutError:
        said = said or b"unshare: no answer"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return None if process.returncode == 0 else said.decode("utf-8", "replace").strip() or "unshare failed"


_ADVICE: tuple[tuple[str, str], ...] = (
    ("no line matching user", "add one line 'USER:100000:65536' each to /etc/subuid and /etc/subgid"),
    ("newuidmap", "install the package uidmap"),
    ("not allowed", "the range in /etc/subuid is too small, or bake runs in a nested container: grant 65536 ids"),
    ("No space left on device", "user namespaces are switched off: sysctl user.max_user_namespaces=15000"),
    ("Operation not permitted", "seccomp or AppArmor forbids namespaces here: run bake in a privileged container"),
    ("not found", "install the package util-linux"),
)


def _advise(refusal: str) -> str:
    found = next((advice for sign, advice in _ADVICE if sign in refusal), "")
    first = refusal.splitlines()[0]
    return f"{first} ({found})" if found else first
