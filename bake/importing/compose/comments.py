"""Comments of a compose file: where each stands, and which key it is about."""

from __future__ import annotations

import re
from bisect import bisect_right

from bake.importing.draft import Item, Table
from bake.importing.notes import Text

_BLOCK = re.compile(r"[|>][0-9+-]*\s*(?:#.*)?$")
_BESIDE = re.compile(r"""^(?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*'|(?<=\S)#)*?(?<=\s)#\s?(.*)$""")


def above(source: Text, at: int) -> tuple[str, ...]:
    """The comment lines right above the line of an offset."""
    lines = source.text[:at].split("\n")[:-1]
    found: list[str] = []
    while lines and lines[-1].lstrip().startswith("#"):
        found.append(_bare(lines.pop()))
    return tuple(reversed(found))


def head(text: str) -> tuple[str, ...]:
    """The comment lines at the top of a file that a blank line parts from what follows."""
    found: list[str] = []
    for line in text.split("\n"):
        if not line.lstrip().startswith("#"):
            return tuple(found) if not line.strip() else ()
        found.append(_bare(line))
    return tuple(found)


def attach(source: Text, table: Table, start: int, end: int) -> None:
    """Gives the keys of a target the comments between two offsets: above them, beside them, or inside of their value,
    which then come to stand above."""
    begin = source.text.rfind("\n", 0, start) + 1
    rows = source.text[begin:end].split("\n")
    offsets = [begin]
    for row in rows:
        offsets.append(offsets[-1] + len(row) + 1)
    keys = {bisect_right(offsets, item.at) - 1: item for item in table.items.values() if start <= item.at < end}
    found = _comments(rows)
    last = end < len(source.text) and _last_block(rows)
    for number, text, alone in found:
        if last and alone and number >= last:
            continue  # it stands above what comes next
        own = keys.get(number) if not alone else keys.get(_next_line(rows, number))
        holder = own or _holder(keys, number)
        if holder is None:
            table.above = (*table.above, text)
        elif own is not None and not alone and not own.beside:
            own.beside = text
        else:
            holder.above = (*holder.above, text)


def _comments(rows: list[str]) -> list[tuple[int, str, bool]]:
    """(line, text, whether it stands alone) of each comment; the lines of block texts have none."""
    found: list[tuple[int, str, bool]] = []
    block = -1
    for number, row in enumerate(rows):
        depth = len(row) - len(row.lstrip())
        if block >= 0 and (not row.strip() or depth > block):
            continue
        block = -1
        if row.lstrip().startswith("#"):
            found.append((number, _bare(row), True))
        elif match := _BESIDE.match(row):
            found.append((number, match.group(1).strip(), False))
        if _BLOCK.search(row) and not row.lstrip().startswith("#"):
            block = depth
    return found


def _last_block(rows: list[str]) -> int:
    """The first of the comment lines that end the rows, whose last one is the beginning of the next line."""
    at = len(rows) - 1
    while at > 0 and rows[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _next_line(rows: list[str], number: int) -> int:
    """The next line that is neither blank nor a comment."""
    for at in range(number + 1, len(rows)):
        if rows[at].strip() and not rows[at].lstrip().startswith("#"):
            return at
    return -1


def _holder(keys: dict[int, Item], number: int) -> Item | None:
    lines = [line for line in keys if line <= number]
    return keys[max(lines)] if lines else None


def _bare(line: str) -> str:
    return line.strip().lstrip("#").strip()
