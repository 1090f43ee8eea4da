"""`--chmod`: octal or symbolic modes, those read as BSD's `setmode` does (reference/dockerfile.md §8.1, §16.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_PART = re.compile(r"[rwxXst]+|[ugo]")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_SET_ID = {"u": 0o4000, "g": 0o2000, "o": 0}
_STICKY = 0o1000


@dataclass(frozen=True, slots=True)
class Mode:
    """`octal` for a number, else the steps (classes, operator, permissions or one class to copy) in order."""

    octal: int | None = None
    steps: tuple[tuple[str, str, str], ...] = ()

    def apply(self, mode: int, is_dir: bool) -> int:
        """The new permission bits of something whose bits are `mode`; umask 0 is assumed."""
        if self.octal is not None:
            return self.octal
        searchable = is_dir or mode & 0o111 != 0
        for classes, operator, what in self.steps:
            mode = _applied(mode, classes, operator, what, searchable)
        return mode


def parse_mode(text: str) -> Mode:
    """Raises ValueError with BuildKit's text."""
    if re.fullmatch(r"[0-9]+", text):
        if re.fullmatch(r"0*[0-7]{1,4}", text):
            return Mode(int(text, 8))
        raise ValueError(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
    steps: list[tuple[str, str, str]] = []
    for part in text.split(","):
        clause = _CLAUSE.fullmatch(part)
        if clause is None:
            raise ValueError(f"invalid chmod parameter: '{text}': invalid syntax")
        classes = "ugo" if not clause[1] or "a" in clause[1] else clause[1]
        for action in _ACTION.finditer(clause[2]):
            steps += [(classes, action[1], what) for what in _PART.findall(action[2]) or [""]]
    return Mode(None, tuple(steps))


def _applied(mode: int, classes: str, operator: str, what: str, searchable: bool) -> int:
    if what in _SHIFT:
        found = mode >> _SHIFT[what] & 0o7
        bits, all_bits = _spread(classes, found), _spread(classes, 0o7)
    else:
        found = 4 * ("r" in what) | 2 * ("w" in what) | ("x" in what or ("X" in what and searchable))
        bits, all_bits = _spread(classes, found), _spread(classes, 0o7)
        set_id = sum(_SET_ID[one] for one in set(classes))
        bits |= set_id if "s" in what else 0
        all_bits |= set_id
        if "t" in what and set(classes) != {"o"}:
            bits |= _STICKY
    if operator == "+":
        return mode | bits
    return mode & ~(bits if operator == "-" else all_bits) | (bits if operator == "=" else 0)


def _spread(classes: str, three: int) -> int:
    """Three bits at each class's place."""
    return sum(three << _SHIFT[one] for one in set(classes))
