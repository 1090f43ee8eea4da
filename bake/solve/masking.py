"""Takes secrets out of what steps print: a step may see a secret, its log may not (SPEC §3.6)."""

from __future__ import annotations

from collections.abc import Iterable

_SHORTEST = 4
"""Characters. Shorter lines of a secret are in half of all texts, and not worth hiding."""
MASK = "***"


def needles(values: Iterable[bytes]) -> tuple[str, ...]:
    """The texts to look for in one line of output: each line of each secret, the longest first."""
    lines = (line.strip() for value in values for line in value.decode("utf-8", "replace").splitlines())
    return tuple(sorted({line for line in lines if len(line) >= _SHORTEST}, key=len, reverse=True))


def masked(line: str, hidden: tuple[str, ...]) -> str:
    """The line with `***` for each of `hidden`."""
    for text in hidden:
        line = line.replace(text, MASK)
    return line
