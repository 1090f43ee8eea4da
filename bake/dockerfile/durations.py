"""Durations as Go writes them: `1h30m`, `1.5s`, `300ms`."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(text: str) -> int:
    """Nanoseconds. Raises ValueError with Go's text."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    total, at = Fraction(0), 0
    while at < len(body):
        found = _PART.match(body, at)
        if found is None:
            break
        total += Fraction(found[1]) * _UNITS[found[2]]
        at = found.end()
    if not body or at != len(body):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * int(total)
