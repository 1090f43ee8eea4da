"""One TOML text as data whose every part can be shown to the user.

Positions are searched for only when something asks for a span, so a run without errors pays for `tomllib` alone.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bake.errors import Diagnostic, InputError, Source, Span
from bake.spec.positions import Path, Positions, find_positions

SIZE_LIMIT = 4 * 1024 * 1024
"""Characters of one file: some 20,000 targets. A larger text is refused before it is parsed."""

_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PARTS = 100
_LONG_LINE = re.compile(rf"[^\n]{{{2 * _PARTS},}}")
_LONG_KEY = re.compile(
    rf"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{_PARTS}}}"""
)


class Number(float):
    """A float of TOML that remembers how it was written: `3.10` is not `3.1` to the one who writes a version."""

    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class KnownSource(Source):
    """A text that has been parsed before, with what it said."""

    data: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class Document:
    """A parsed text. `directory` (absolute) is what its paths are relative to; None: whoever uses the value."""

    source: Source
    directory: str | None
    data: dict[str, Any] = field(default_factory=dict, repr=False)
    known: Positions | None = field(default=None, repr=False)
    """The positions, where the text is not TOML (an argument of `--set`)."""

    @cached_property
    def _positions(self) -> Positions:
        return self.known or find_positions(self.source.text)

    def span(self, path: Path, *, key: bool = False, part: str = "") -> Span:
        """The value at `path` (or its key; or the first `part` of its text); failing that the nearest one around it."""
        return self._found(self._positions, path, key, part)

    def early_key_span(self, path: Path) -> Span:
        """As `span` of a key, without reading the text any further: it may be very long."""
        return self._found(self.known or find_positions(self.source.text, path), path, True, "")

    def _found(self, positions: Positions, path: Path, key: bool, part: str) -> Span:
        tables = (positions.keys, positions.values) if key else (positions.values, positions.keys)
        while path:
            found = tables[0].get(path) or tables[1].get(path)
            if found is not None:
                break
            path = path[:-1]
        else:
            found = (0, 1)
        start, end = found
        inside = self.source.text.find(part, start, end) if part else -1
        return self._span(inside, inside + len(part)) if inside >= 0 else self._span(start, end)

    @cached_property
    def _lines(self) -> list[int]:
        """Offset of the start of each line."""
        return [0, *(match.end() for match in re.finditer("\n", self.source.text))]

    def _span(self, start: int, end: int) -> Span:
        """As `Source.span`, without counting the lines anew each time."""
        line, end_line = bisect_right(self._lines, start), bisect_right(self._lines, end)
        column, end_column = start - self._lines[line - 1] + 1, end - self._lines[end_line - 1] + 1
        return Span(self.source, line, column, end_line, end_column)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where something was written; its span is found when it is asked for."""

    document: Document = field(repr=False)
    path: Path

    def span(self, part: str = "") -> Span:
        """The value; or the first occurrence of `part` in it."""
        return self.document.span(self.path, part=part)

    def key_span(self) -> Span:
        """The key."""
        return self.document.span(self.path, key=True)

    def early_key_span(self) -> Span:
        """The key, found without reading the rest of the text: for one finding that ends the run."""
        return self.document.early_key_span(self.path)

    def __truediv__(self, part: str | int) -> Place:
        return Place(self.document, (*self.path, part))


def parse_document(source: Source, directory: str) -> Document:
    """Raises InputError: not TOML (the first error is the only one that can be told), too large, nested too deeply."""
    if len(source.text) > SIZE_LIMIT:
        message = f"{source.name} has {len(source.text)} characters; more than {SIZE_LIMIT} are not read"
        raise InputError(Diagnostic("file-too-large", message, source.span(0), "split it and `include` the parts"))
    if isinstance(source, KnownSource):
        return Document(source, directory, source.data)
    _refuse_long_keys(source)
    try:
        data = tomllib.loads(_without_mark(source.text), parse_float=Number)
    except RecursionError:
        message = "values are nested too deeply"
        raise InputError(Diagnostic("nested-too-deeply", message, source.span(_deepest(source.text)))) from None
    except ValueError as error:
        raise InputError(_syntax_error(source, str(error))) from None
    return Document(source, directory, data)


def _refuse_long_keys(source: Source) -> None:
    """A key of very many parts takes `tomllib` time that grows with their square."""
    for line in _LONG_LINE.finditer(source.text):
        match = _LONG_KEY.search(source.text, line.start(), line.end())
        if match is not None:
            message = f"a key has more than {_PARTS} parts"
            raise InputError(Diagnostic("nested-too-deeply", message, source.span(match.start())))


def _without_mark(text: str) -> str:
    return " " + text[1:] if text.startswith("\ufeff") else text


def _syntax_error(source: Source, message: str) -> Diagnostic:
    match = _WHERE.search(message)
    at = 0
    if match is not None:
        at = _offset(source.text, match.group(1), match.group(2))
        message = message[: match.start()]
    if message.startswith("Cannot"):
        repeated = _repeated(source, at)
        if repeated is not None:
            return repeated
    shown = f"this is not TOML: {message[:1].lower()}{message[1:]}"
    return Diagnostic("toml-syntax", shown, source.span(at), _syntax_hint(message, source.text, at))


_HINTS = {
    "Invalid value": "a text stands in quotes",
    "Unclosed array": "a list that begins above has no `]`, or no comma between two elements",
    "Unclosed inline": "a table that begins above has no `}`, or no comma between two keys",
    "Unterminated string": "its closing quote is missing",
    "Illegal character '\\n'": "its closing quote is missing; a text of several lines stands in three quotes",
    'Expected "\'"': "its closing quote is missing",
    "Unescaped '\\'": "write two backslashes, or put the text in single quotes",
    "Expected '='": "write KEY = VALUE, below [target.NAME]",
    "Expected newline": "one key a line; a text stands in quotes",
}
"""What to do about the errors of `tomllib`, by how they begin."""
_OTHER_LANGUAGE = re.compile(r"(target|group|variable|function) +(\"[^\"]*\" *)?\{|(services|target|group)[ \t]*:")


def _syntax_hint(message: str, text: str, at: int) -> str | None:
    start = text.rfind("\n", 0, at) + 1
    if _OTHER_LANGUAGE.match(text, start):
        return "this looks like HCL or YAML: `bake import FILE` makes a bake.toml of docker-bake.hcl and compose.yaml"
    return next((hint for beginning, hint in _HINTS.items() if message.startswith(beginning)), None)


def _repeated(source: Source, before: int) -> Diagnostic | None:
    """A table or key that is written twice, the usual reason for what TOML says "cannot" be."""
    positions = find_positions(source.text[: before + 1])
    for path, second in positions.repeated:
        if second[0] > before:
            break
        first = source.span(*(positions.keys.get(path) or positions.values[path]))
        name = ".".join(map(str, path))
        hint = "join the two, or give one another name"
        related = ((first, "first written here"),)
        return Diagnostic("duplicate-key", f"`{name}` is written twice", source.span(*second), hint, related=related)
    return None


def _offset(text: str, line: str | None, column: str | None) -> int:
    """The character that tomllib means; it counts lines of the text with `\n` alone. No line: the end."""
    if line is None or column is None:
        return len(text.rstrip())
    start = 0
    for _ in range(int(line) - 1):
        start = text.find("\n", start) + 1
    end = text.find("\n", start)
    return min(start + int(column) - 1, len(text) if end < 0 else end)


def _deepest(text: str) -> int:
    match = re.search(r"[\[{]{20}", text)
    return match.start() if match else 0
