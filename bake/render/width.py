"""How many columns a text takes on a terminal, and cutting it to fit.

Wide characters (CJK, emoji) take two columns, combining ones none. Plain code, because the renderers that need it must
not import rich.
"""

from __future__ import annotations

import unicodedata

_NOTHING = frozenset({"Mn", "Me", "Cf"})
_EMOJI_FORM = "\ufe0f"


def cells(text: str) -> int:
    """The columns that `text`, free of control characters, takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if character.isascii():
        return 1
    if character == _EMOJI_FORM or unicodedata.category(character) in _NOTHING:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns; what does not fit is replaced by `…` at the end."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    taken, end = 0, 0
    for character in text:
        taken += _cell(character)
        if taken > width - 1:
            break
        end += 1
    return text[:end].rstrip() + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` filled with blanks to `width` columns; on its left when `right`."""
    blanks = " " * max(0, width - cells(text))
    return blanks + text if right else text + blanks


def expand_tabs(text: str, size: int = 4) -> str:
    """Tabs as blanks up to the next multiple of `size` columns (str.expandtabs counts characters, not columns)."""
    if "\t" not in text:
        return text
    out, column = [], 0
    for piece in text.split("\t"):
        column += cells(piece)
        blanks = size - column % size
        out.append(piece + " " * blanks)
        column += blanks
    out[-1] = text.rpartition("\t")[2]
    return "".join(out)
