"""Several files as one text, so that an offset alone says in which file something is, and where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from bake.errors import Source, Span

Fetch = Callable[[str], str | None]
"""The text of a file that another one names, None when it is not there. Raises InputError when it cannot be read."""

_BETWEEN = "\n\n"
"""Ends the last line of a file, and keeps comments at its end apart from the next file."""


class Files:
    """Grows as files name others. Each keeps the offsets that `add` gave it."""

    def __init__(self, *sources: Source) -> None:
        self.text = ""
        self._starts: list[int] = []
        self._sources: list[Source] = []
        self._lines: list[list[int]] = []
        for source in sources:
            self.add(source)

    def add(self, source: Source) -> tuple[int, int]:
        """The half-open range of offsets that the file has from now on."""
        start = len(self.text) + len(_BETWEEN) if self._sources else 0
        self.text += (_BETWEEN if self._sources else "") + source.text
        self._starts.append(start)
        self._sources.append(source)
        self._lines.append(_line_starts(source.text))
        return start, start + len(source.text)

    def part(self, at: int) -> int:
        """The number of the file that an offset is in."""
        return max(bisect_right(self._starts, at) - 1, 0)

    def span(self, start: int, end: int | None = None) -> Span:
        """As `Source.span`, in the file that `start` is in."""
        number = self.part(start)
        source, lines = self._sources[number], self._lines[number]
        first = min(start - self._starts[number], len(source.text))
        last = first + 1 if end is None else max(end - self._starts[number], first)
        line, last_line = bisect_right(lines, first), bisect_right(lines, last)
        return Span(source, line, first - lines[line - 1] + 1, last_line, last - lines[last_line - 1] + 1)

    def __len__(self) -> int:
        return len(self._sources)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts
