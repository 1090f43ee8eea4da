"""Rules about how the lines are written: cases and blank lines."""

from __future__ import annotations

from collections.abc import Iterator

from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.view import View, Written
from bake.errors import Span


def stage_name_casing(view: View) -> Iterator[Finding]:
    for _, at in view.stages():
        name = _as_name(at)
        if name is not None and name[2] != name[2].lower():
            message = f"Stage name '{name[2]}' should be lowercase"
            yield Finding(at, message, at.logical.span(name[3], name[3] + len(name[2])))


def from_as_casing(view: View) -> Iterator[Finding]:
    for _, at in view.stages():
        found = _as_name(at)
        if found is None or not _consistent(at.keyword):
            continue
        word, offset = found[:2]
        wanted = word.lower() if at.keyword.islower() else word.upper()
        if word != wanted:
            message = f"'{word}' and '{at.keyword}' keywords' casing do not match"
            yield Finding(at, message, at.logical.span(offset, offset + len(word)))


def no_empty_continuation(view: View) -> Iterator[Finding]:
    for at in view.written:
        if at.logical.blanks:
            line = at.logical.blanks[0]
            yield Finding(at, "Empty continuation line", Span(view.source, line, 1, line, 1))


def consistent_instruction_casing(view: View) -> Iterator[Finding]:
    """The majority decides, a tie for upper case. ARGs before the first FROM neither vote nor count."""
    lines = [at for at in view.written if at.stage >= 0]
    lower = sum(at.keyword.islower() for at in lines)
    upper = sum(at.keyword.isupper() for at in lines)
    wanted = "lowercase" if lower > upper else "uppercase"
    for at in lines:
        if not (at.keyword.islower() if wanted == "lowercase" else at.keyword.isupper()):
            message = f"Command '{at.keyword}' should match the case of the command majority ({wanted})"
            yield Finding(at, message, at.keyword_span)


def _as_name(at: Written) -> tuple[str, int, str, int] | None:
    """`AS`, its offset, the stage's name as written and its offset."""
    words = at.words()
    if len(words) < 3 or words[-2][0].lower() != "as":
        return None
    return (*words[-2], *words[-1])


def _consistent(word: str) -> bool:
    return word.islower() or word.isupper()
