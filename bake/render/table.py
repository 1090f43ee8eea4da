"""Text tables. On a terminal they fit its width; anywhere else nothing is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bake.render.style import Style
from bake.render.width import cells, cut, pad

_GAP = "  "
_LEAST = 6
_PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Column:
    """`elastic` columns give up width when the terminal is narrow; `right` aligns numbers."""

    title: str
    elastic: bool = False
    right: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None, style: Style = _PLAIN
) -> str:
    """A head line and a line a row, each ending in a newline; "" without rows.

    `width` in columns of a terminal, None when there is none. Columns that are empty in all rows are left out.
    """
    used = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    if not used:
        return ""
    columns = [columns[number] for number in used]
    body = [[row[number] for number in used] for row in rows]
    sizes = [max(cells(text) for text in column) for column in zip([c.title for c in columns], *body, strict=True)]
    if width is not None:
        sizes = _fitted(columns, sizes, width)
    head = style.paint("dim", _line(columns, [c.title for c in columns], sizes))
    return "\n".join([head, *(_line(columns, row, sizes) for row in body)]) + "\n"


def _line(columns: Sequence[Column], row: Sequence[str], sizes: Sequence[int]) -> str:
    texts = [
        pad(cut(text, size), size, right=column.right) for column, text, size in zip(columns, row, sizes, strict=True)
    ]
    return _GAP.join(texts).rstrip()


def _fitted(columns: Sequence[Column], sizes: Sequence[int], width: int) -> list[int]:
    """Takes what is too much from the widest elastic columns first, then from the widest of all."""
    fitted = list(sizes)
    excess = sum(fitted) + len(_GAP) * (len(fitted) - 1) - width
    for group in ([n for n, column in enumerate(columns) if column.elastic], list(range(len(columns)))):
        while excess > 0 and group:
            widest = max(group, key=fitted.__getitem__)
            if fitted[widest] <= _LEAST:
                break
            fitted[widest] -= 1
            excess -= 1
    return fitted
