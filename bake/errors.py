"""What can go wrong, as data: where, what, what to do, and the exit code it ends in.

Text for a person is made at the edge (`render/diagnostics.py`), so an error carries parts, not a sentence with
positions glued into it. Exit codes: SPEC §2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Source:
    """A text that positions point into. `name` is what a user calls it (a path as given, or `<--set>`)."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The line with that 1-based number, without its end; "" outside of the text."""
        lines = self.text.split("\n")  # as positions count: a form feed ends no line
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""

    def span(self, start: int, end: int | None = None) -> Span:
        """The span of the half-open offset range `[start, end)` in characters (`end` None: one character)."""
        end = start + 1 if end is None else max(end, start)
        line = self.text.count("\n", 0, start) + 1
        column = start - (self.text.rfind("\n", 0, start) + 1) + 1
        end_line = self.text.count("\n", 0, end) + 1
        end_column = end - (self.text.rfind("\n", 0, end) + 1) + 1
        return Span(self, line, column, end_line, end_column)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source. Lines and columns are 1-based, columns count characters, the end is exclusive."""

    source: Source = field(repr=False)
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is stable kebab-case; `hint` says what to do; `related` are further places."""

    code: str
    message: str
    span: Span | None = None
    hint: str | None = None
    severity: Severity = "error"
    related: tuple[tuple[Span, str], ...] = ()

    def at(self, span: Span | None) -> Diagnostic:
        """The same finding placed at `span`, unless it has a place already."""
        return self if self.span is not None or span is None else replace(self, span=span)


class BakeError(Exception):
    """The root of all expected failures; whatever else escapes is a defect of bake."""

    exit_code = 1

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]) -> None:
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__("; ".join(d.message for d in found))
        self.diagnostics: tuple[Diagnostic, ...] = found


class StepError(BakeError):
    """A build step or a test of an image failed."""

    exit_code = 1


class InputError(BakeError):
    """The spec, a Dockerfile, a context or the command line is wrong."""

    exit_code = 2


class RemoteError(BakeError):
    """A registry or the network refused."""

    exit_code = 3


class LostLayer(RemoteError):
    """A layer that was to come from elsewhere is gone there, or is not what it was said to be: it is made again.

    `blobs` are digests that nobody holds any more.
    """

    def __init__(
        self, diagnostics: Diagnostic | Sequence[Diagnostic], *states: str, blobs: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(diagnostics)
        self.states = states
        self.blobs = blobs


class HostError(BakeError):
    """This host cannot: sandbox, engine, store, disk."""

    exit_code = 4


class Interrupted(BakeError):
    """The user cancelled."""

    exit_code = 130


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that `word` was most likely meant to be, or None; for "did you mean" hints."""
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    return next((k for k in known if found and k.lower() == found[0]), None)


class StepFailed(StepError):
    """A RUN step ended with `exit_code_of_step` (None: it never started, or was killed for its timeout)."""

    def __init__(self, diagnostic: Diagnostic, exit_code_of_step: int | None) -> None:
        super().__init__(diagnostic)
        self.exit_code_of_step = exit_code_of_step
