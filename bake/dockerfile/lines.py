"""Physical lines → logical instructions: continuations joined, comments out, positions kept (dockerfile.md §1)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache

from bake.errors import Diagnostic, InputError, Source, Span

LONGEST = 65535


@dataclass(frozen=True, slots=True)
class Logical:
    """One instruction's joined text. `pieces`: where in `text` a physical line starts, its number and column."""

    source: Source = field(repr=False)
    text: str
    first: int
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
        start, line, column = self.pieces[max(bisect_right([p[0] for p in self.pieces], offset) - 1, 0)]
        return line, column + offset - start


class Lines:
    """The physical lines of a source, read forwards. Line numbers are 1-based."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows = source.text.removeprefix("\ufeff").split("\n")
        if self.rows[-1] == "":
            self.rows.pop()
        self.at = 0
        self.comments: list[tuple[int, str]] = []
        for number, row in enumerate(self.rows, 1):
            if len(row) >= LONGEST // 4 and len(row.encode()) > LONGEST:
                message = f"dockerfile line greater than max allowed size of {LONGEST}"
                raise InputError(Diagnostic("long-line", message, Span(source, number, 1, number, 2)))

    def instruction(self, escape: str) -> Logical | None:
        """The next logical instruction, None at the end."""
        while self.at < len(self.rows):
            text = self.rows[self.at].rstrip("\r\n").lstrip()
            if text.startswith("#"):
                self.comments.append((self.at + 1, text[1:]))
            elif text:
                return self._join(escape)
            self.at += 1
        return None

    def _join(self, escape: str) -> Logical:
        first = self.at + 1
        row = self.rows[self.at].rstrip("\r\n")
        body, more = _continued(row.lstrip(), escape)
        pieces = [(0, first, len(row) - len(row.lstrip()) + 1)]
        last, blanks = first, []
        self.at += 1
        while more and self.at < len(self.rows):
            row = self.rows[self.at].rstrip("\r\n")
            self.at += 1
            stripped = row.strip()
            if stripped.startswith("#"):
                self.comments.append((self.at, stripped[1:]))
            elif not stripped:
                blanks.append(self.at)
            else:
                part, more = _continued(row, escape)
                pieces.append((len(body), self.at, 1))
                body, last = body + part, self.at
        return Logical(self.source, body, first, last, tuple(pieces), tuple(blanks))

    def heredoc(self, name: str, chomp: bool) -> str | None:
        """The raw lines up to the one that is `name`, which is consumed; None when it never comes."""
        start = self.at
        while self.at < len(self.rows):
            row = self.rows[self.at].rstrip("\r\n")
            self.at += 1
            if (row.lstrip("\t") if chomp else row) == name:
                return "".join(f"{body}\n" for body in self.rows[start : self.at - 1])
        self.at = start
        return None


def _continued(row: str, escape: str) -> tuple[str, bool]:
    found = _continuation(escape).search(row)
    return (row[: found.start("mark")], True) if found else (row, False)


@lru_cache(maxsize=4)
def _continuation(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(rf"(?:(?<=[^{mark}])|^)(?P<mark>{mark}[ \t]*)$")
