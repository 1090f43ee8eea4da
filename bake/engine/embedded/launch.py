"""How the helper process is started: in the most capable namespaces that this host allows (reference/engine.md §1)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

import msgspec

_PROBE_SECONDS = 10.0
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
# pdeathsig reaches the child when bake dies by SIGKILL; unshare's --kill-child passes it on.
_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
_TIERS: dict[str, tuple[str, ...]] = {
    "root": _NAMESPACES,
    "subordinate": (*_NAMESPACES, "--user", "--map-auto", "--map-root-user"),
    "single": (*_NAMESPACES, "--user", "--map-root-user"),
    "none": (),
}


class HelperSettings(msgspec.Struct, frozen=True):
    """What the helper is told at its start. `home` is an empty directory; `stdio` are bake's own 0, 1, 2."""

    socket: int
    stdio: tuple[int, ...]
    tier: str
    home: str
    sandbox: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """`root`, `subordinate` ids, one `single` id, or `none`; `advice` says why it is not better and what to do."""

    name: str
    advice: str = ""


def helper_argv(settings: HelperSettings) -> list[str]:
    """The command line of a helper."""
    prefix = _WITH_PARENT + _TIERS[settings.tier]
    # -P: a directory named `bake` where the user stands must not be imported.
    return [*prefix, sys.executable, "-P", "-m", "bake.host", msgspec.json.encode(settings).decode()]


async def find_tier() -> Tier:
    """Tries each tier with a harmless command, the best first."""
    advice: list[str] = []
    for name in ("root", "subordinate", "single"):
        if name == "root" and os.geteuid() != 0:
            continue
        refusal = await _probe([*_TIERS[name], "--", "true"])
        if refusal is None:
            return Tier(name, "; ".join(advice))
        advice.append(_advise(refusal))
    return Tier("none", "; ".join(dict.fromkeys(advice)))


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
    try:
        _, said = await asyncio.wait_for(process.communicate(), _PROBE_SECONDS)
    except TimeoutError:
        return "unshare: no answer"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
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
