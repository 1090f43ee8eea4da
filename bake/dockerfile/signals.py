"""STOPSIGNAL: a number or a name of Linux (reference/dockerfile.md §9)."""

from __future__ import annotations

import re

_NAMES = (
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
)  # fmt: skip
SIGNALS = {
    **{name: number for number, name in enumerate(_NAMES, 1)},
    "IOT": 6, "CLD": 17, "POLL": 29, "UNUSED": 31, "RTMIN": 34, "RTMAX": 64,
    **{f"RTMIN+{n}": 34 + n for n in range(1, 16)},
    **{f"RTMAX-{n}": 64 - n for n in range(1, 15)},
}  # fmt: skip
"""Name without SIG → number, as on x86 and arm."""


def parse_signal(text: str) -> int:
    """The number of a signal, named in any case, with or without SIG. Raises ValueError with BuildKit's text."""
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        if int(text) != 0:
            return int(text)
    elif (number := SIGNALS.get(text.upper().removeprefix("SIG"))) is not None:
        return number
    raise ValueError(f"invalid signal: {text}")
