"""`--chmod`: octal or symbolic modes (reference/dockerfile.md §8.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = re.compile(r"([-+=])([rwxXst]*|[ugo])")
_SHIFT = {"u": 6, "g": 3, "o": 0}


@dataclass(frozen=True, slots=True)
class Mode:
    """`octal` for a number, else the clauses (who, operator, permissions) in order."""

    octal: int | None = None
    clauses: tuple[tuple[str, str, str], ...] = ()

    def apply(self, mode: int, is_dir: bool) -> int:
        """The new permission bits of something whose bits are `mode` (umask 0 is assumed)."""
        if self.octal is not None:
            return self.octal
        for who, operator, what in self.clauses:
            mode = _applied(mode, who, operator, what, is_dir)
        return mode


def parse_mode(text: str) -> Mode:
    """Raises ValueError with BuildKit's text."""
    if text.isdigit():
        if re.fullmatch(r"[0-7]+", text) and int(text, 8) <= 0o7777:
            return Mode(int(text, 8))
        raise ValueError(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    clauses: list[tuple[str, str, str]] = []
    for part in text.split(","):
        found = _CLAUSE.fullmatch(part)
        if found is None:
            raise ValueError(f"invalid chmod parameter: '{text}': invalid syntax")
        who = found[1] or "a"
        clauses += [(who, action[1], action[2]) for action in _ACTION.finditer(found[2])]
    return Mode(None, tuple(clauses))


def _applied(mode: int, who: str, operator: str, what: str, is_dir: bool) -> int:
    classes = "ugo" if "a" in who else who
    bits = 0
    for one in classes:
        bits |= _permissions(mode, what, is_dir) << _SHIFT[one]
    if "s" in what:
        bits |= (0o4000 if "u" in classes else 0) | (0o2000 if "g" in classes else 0)
    if "t" in what:
        bits |= 0o1000
    if operator == "+":
        return mode | bits
    if operator == "-":
        return mode & ~bits
    cleared = mode
    for one in classes:
        cleared &= ~(0o7 << _SHIFT[one])
        cleared &= ~{"u": 0o4000, "g": 0o2000, "o": 0}[one]
    return cleared | bits


def _permissions(mode: int, what: str, is_dir: bool) -> int:
    """The three bits that `what` stands for; `u`, `g`, `o` copy a class."""
    if what in _SHIFT:
        return mode >> _SHIFT[what] & 0o7
    found = 4 * ("r" in what) | 2 * ("w" in what) | ("x" in what)
    return found | ("X" in what and (is_dir or mode & 0o111 != 0))
