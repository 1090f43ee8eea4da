"""Colours by meaning, and the decision whether there are any (NO_COLOR, https://no-color.org)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

CODES: Mapping[str, str] = {
    "error": "1;31",
    "warning": "1;33",
    "info": "1;36",
    "place": "36",
    "gutter": "2",
    "hint": "1;32",
    "bold": "1",
    "dim": "2",
    "good": "32",
    "bad": "31",
    "busy": "33",
}


@dataclass(frozen=True, slots=True)
class Style:
    """`paint(meaning, text)` with colours, or the text as it is."""

    colour: bool = False

    def paint(self, meaning: str, text: str) -> str:
        return f"\x1b[{CODES[meaning]}m{text}\x1b[0m" if self.colour and text else text


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`; False for a closed one."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def style_for(stream: TextIO, environment: Mapping[str, str]) -> Style:
    """Colours only on a terminal that has them, unless NO_COLOR is set to anything but the empty text."""
    plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Style(colour=is_terminal(stream) and not plain)


def columns(stream: TextIO) -> int | None:
    """The width of the terminal behind `stream`; None when it is none, and nothing may be cut."""
    return terminal_size(stream)[0] if is_terminal(stream) else None


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """(columns, lines) now; 80 × 24 where the terminal does not say."""
    from os import get_terminal_size

    try:
        size = get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
