"""Physical lines → logical instructions: continuations joined, comments out, positions kept (dockerfile.md §1)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

from bake.errors import Diagnostic, InputError, Source, Span

BOM = "\ufeff"
LONGEST = 65535
"""Bytes of a physical line; a joined one may be longer."""


@dataclass(frozen=True, slots=True)
class Logical:
    """One instruction's joined text. `pieces`: where in `text` a physical line starts, its number and column."""

    source: Source = field(repr=False)
    text: str
    last: int
    pieces: tuple[tuple[int, int, int], ...]
    blanks: tuple[int, ...] = ()
    """Numbers of blank lines inside the instruction."""

    def span(self, start: int, end: int | None = None) -> Span:
        """The place of `text[start:end]`; `end` None takes one character."""
        line, column = self._place(start)
        end_line, end_column = self._place(max(start, (start + 1 if end is None else end) - 1))
        return Span(self.source, line, column, end_line, end_column + 1)

    def _place(self, offset: int) -> tuple[int, int]:
        start, line, column = self.pieces[max(bisect_right(self.pieces, offset, key=lambda p: p[0]) - 1, 0)]
        return line, column + offset - start


class Lines:
    """The physical lines of a source, read forwards. Line numbers and columns are 1-based, as the source has them.

    Raises InputError for a line that is too long.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows = source.text.removeprefix(BOM).split("\n")
        if self.rows[-1] == "":
            self.rows.pop()
        self.at = 0
        self.comments: list[tuple[int, str]] = []
        for number, row in enumerate(self.rows, 1):
            if len(row) > LONGEST // 4 and len(row.encode("utf-8", "surrogatepass")) > LONGEST:
                message = f"dockerfile line greater than max allowed size of {LONGEST}"
                span = Span(source, number, 1, number, 2)
                raise InputError(Diagnostic("long-line", message, span, "cut it into several with a continuation"))

    def instruction(self, escape: str) -> Logical | None:
        """The next logical instruction, None at the end."""
        while self.at < len(self.rows):
            text = self._row(self.at).lstrip()
            if text.startswith("#"):
                self.comments.append((self.at + 1, text[1:]))
            elif text:
                return self._join(escape)
            self.at += 1
        return None

    def heredoc(self, name: str, chomp: bool) -> str | None:
        """The raw lines up to the one that is `name`, which is consumed; None when it never comes."""
        for end in range(self.at, len(self.rows)):
            row = self._row(end)
            if (row.lstrip("\t") if chomp else row) == name:
                body = "".join(f"{line}\n" for line in self.rows[self.at : end])
                self.at = end + 1
                return body
        return None

    def end(self, number: int) -> int:
        """The column behind the last character of a line."""
        bom = number == 1 and self.source.text.startswith(BOM)
        return len(self._row(number - 1)) + 1 + bom

    def _row(self, index: int) -> str:
        return self.rows[index].rstrip("\r\n")

    def _join(self, escape: str) -> Logical:
        row = self._row(self.at)
        first, more = _continued(row.lstrip(), escape)
        bom = self.at == 0 and self.source.text.startswith(BOM)
        pieces = [(0, self.at + 1, len(row) - len(row.lstrip()) + 1 + bom)]
        parts, length = [first], len(first)
        last, blanks = self.at + 1, []
        self.at += 1
        while more and self.at < len(self.rows):
            row = self._row(self.at)
            self.at += 1
            stripped = row.lstrip()
            if stripped.startswith("#"):
                self.comments.append((self.at, stripped[1:]))
            elif not stripped:
                blanks.append(self.at)
            else:
                part, more = _continued(row, escape)
                pieces.append((length, self.at, 1))
                parts.append(part)
                length, last = length + len(part), self.at
        return Logical(self.source, "".join(parts), last, tuple(pieces), tuple(blanks))


def _continued(row: str, escape: str) -> tuple[str, bool]:
    """A row less its continuation mark, and whether it had one."""
    found = _continuation(escape).search(row)
    return (row[: found.start("mark")], True) if found else (row, False)


@lru_cache(maxsize=4)
def _continuation(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"(?:(?<=[^{mark}])|^)(?P<mark>{mark}[ \t]*)\Z")
