"""Findings of one reading of bake.toml, collected so that a user sees all of them at once (SPEC §1, strictness)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from bake.errors import Diagnostic, InputError, nearest

_COMPARED_AT_MOST = 200
_SHOWN_AT_MOST = 200
"""One slip in a template that thousands of targets inherit must not print thousands of lines."""


class Report:
    """Collects diagnostics; the same finding at the same place is kept once, however many targets meet it."""

    def __init__(self, found: Iterable[Diagnostic] = ()) -> None:
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self.extend(found)

    def __bool__(self) -> bool:
        return bool(self._found)

    def hint(self, word: str, known: Sequence[str]) -> str | None:
        """`did_you_mean`, as long as somebody will read it: comparing is slow, and a large file may be all wrong."""
        return None if len(self._found) > _SHOWN_AT_MOST else did_you_mean(word, known)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keeps the finding, unless this place has it already."""
        span = diagnostic.span
        where = None if span is None else (span.source.name, span.line, span.column, span.end_line, span.end_column)
        self._found.setdefault((diagnostic.code, where, diagnostic.message), diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.sorted() if d.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.sorted() if d.severity != "error")

    def sorted(self) -> list[Diagnostic]:
        """By file in the order met, then by position; findings without a place come last."""
        files: dict[str, int] = {}
        for diagnostic in self._found.values():
            if diagnostic.span is not None:
                files.setdefault(diagnostic.span.source.name, len(files))

        def position(diagnostic: Diagnostic) -> tuple[int, int, int]:
            span = diagnostic.span
            return (len(files), 0, 0) if span is None else (files[span.source.name], span.line, span.column)

        return sorted(self._found.values(), key=position)

    def raise_errors(self) -> None:
        """Raises InputError with all errors, if there is one."""
        errors = cut(self.errors, _SHOWN_AT_MOST)
        if errors:
            raise InputError(errors)


def cut(diagnostics: Sequence[Diagnostic], most: int) -> tuple[Diagnostic, ...]:
    """The first `most` of them, and one that says how many more there are."""
    if len(diagnostics) <= most:
        return tuple(diagnostics)
    rest = f"and {len(diagnostics) - most} more errors"
    return (*diagnostics[:most], Diagnostic("more-errors", rest, hint="mend the ones above first"))


RELATED = 8
"""Further places shown with one finding."""


def arrows(names: Sequence[str]) -> str:
    """`a → b → a`; a long way round is cut in the middle."""
    if len(names) > 2 * RELATED:
        names = [*names[:RELATED], "…", *names[-2:]]
    return " → ".join(names)


def did_you_mean(word: str, known: Sequence[str]) -> str | None:
    """A hint naming the nearest known word; else, when they are few, all of them."""
    if len(known) > _COMPARED_AT_MOST:  # comparing is slow: only names that start or end alike
        alike = (name for name in known if name[:2] == word[:2] or name[-2:] == word[-2:])
        known = tuple(islice(alike, _COMPARED_AT_MOST))
    near = nearest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    if 0 < len(known) <= 12:
        return "known here: " + ", ".join(f"`{name}`" for name in known)
    return None
