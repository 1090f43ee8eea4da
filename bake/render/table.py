"""Text tables. On a terminal they fit its width; anywhere else nothing is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bake.render.style import Style
from bake.render.width import cells, cut, pad

_GAP = "  "
_LEAST = 10
_PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Column:
    """`elastic` columns give up width when the terminal is narrow; `spare` ones are then left out, the last first."""

    title: str
    elastic: bool = False
    spare: bool = False
    right: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None, style: Style = _PLAIN
) -> str:
    """A head line and a line a row, each ending in a newline; "" without rows.

    `width` in columns of a terminal, None when there is none. Columns that are empty in all rows are left out.
    """
    used = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    sizes = {n: max(cells(text) for text in (columns[n].title, *(row[n] for row in rows))) for n in used}
    if width is not None:
        _fit(columns, sizes, width)
    if not sizes:
        return ""
    head = style.paint("dim", _line(columns, [column.title for column in columns], sizes))
    return "\n".join([head, *(_line(columns, row, sizes) for row in rows)]) + "\n"


def _line(columns: Sequence[Column], row: Sequence[str], sizes: dict[int, int]) -> str:
    texts = [pad(cut(row[n], size), size, right=columns[n].right) for n, size in sizes.items()]
    return _GAP.join(texts).rstrip()


def _fit(columns: Sequence[Column], sizes: dict[int, int], width: int) -> None:
    """Leaves out spare columns while there is no other way, then narrows the widest elastic one, at last any."""

    def taken(widths: Sequence[int]) -> int:
        return sum(widths) + len(_GAP) * (len(widths) - 1)

    def least(number: int) -> int:
        return min(sizes[number], _LEAST) if columns[number].elastic else sizes[number]

    for number in [n for n in reversed(list(sizes)) if columns[n].spare]:
        if taken([least(n) for n in sizes]) > width:
            del sizes[number]
    elastic = [n for n in sizes if columns[n].elastic]
    for group, floor in ((elastic, _LEAST), (list(sizes), 1)):
        while taken(list(sizes.values())) > width and group and max(sizes[n] for n in group) > floor:
            sizes[max(group, key=sizes.__getitem__)] -= 1
