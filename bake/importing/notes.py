"""What the importer has to tell: notes on what changed or was left out, and errors, both with their place."""

from __future__ import annotations

from typing import Protocol

from bake.errors import Diagnostic, InputError, Span
from bake.importing.files import Files

SIZE_LIMIT = 512 * 1024
"""Bytes of a file; a definition is a few thousand, and the largest known ones a few ten thousand."""


class Text(Protocol):
    """A text with places: one file (`Source`) or several (`Files`)."""

    @property
    def text(self) -> str: ...

    def span(self, start: int, end: int | None = None) -> Span: ...


class Notes:
    """The notes of one import, each once, in the order of the source."""

    def __init__(self, source: Files) -> None:
        self.source = source
        self._found: dict[tuple[int, str], Diagnostic] = {}

    def add(self, code: str, at: int, message: str, hint: str | None = None) -> None:
        """`at`: offset in the source."""
        if (at, message) not in self._found:
            note = Diagnostic(code, message, self.source.span(at), hint, severity="warning")
            self._found[(at, message)] = note

    def all(self) -> tuple[Diagnostic, ...]:
        """In the order of their places."""
        return tuple(note for _, note in sorted(self._found.items(), key=lambda item: item[0]))


def fault(source: Text, at: int, message: str, hint: str | None = None, code: str = "import-syntax") -> InputError:
    """The error for a place of the source that cannot be read."""
    at = min(at, max(len(source.text) - 1, 0))
    return InputError(Diagnostic(code, message, source.span(at), hint))


class Unsupported(Exception):
    """Something that the importer does not evaluate, so that a key is left out. `at`: offset in the source."""

    def __init__(self, at: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.at, self.message, self.hint = at, message, hint
