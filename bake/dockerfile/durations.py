"""Durations as Go writes them: `1h30m`, `1.5s`, `300ms`."""

from __future__ import annotations

import re
from fractions import Fraction

_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_UNITS)})")
_LONGEST = 2**63 - 1


def parse_duration(text: str) -> int:
    """Nanoseconds, what is below one is dropped. Raises ValueError with Go's text."""
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if body == "0":
        return 0
    parts = list(_PART.finditer(body))
    if not body or "".join(part[0] for part in parts) != body or len(body) > 100:
        raise ValueError(f'time: invalid duration "{text}"')
    total = sum(int(Fraction(part[1]) * _UNITS[part[2]]) for part in parts)
    if total > _LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total
