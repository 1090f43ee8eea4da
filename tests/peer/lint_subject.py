"""bake's findings about a Dockerfile, in the form of the peer's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lint_cases import PREDEFINED, Case, ignore_file

from bake.dockerfile.ignore import parse_patterns
from bake.dockerfile.instructions import Dockerfile
from bake.dockerfile.lint import RULES, BaseFact, Outside, lint, violations
from bake.dockerfile.lint.view import Written, view_of
from bake.dockerfile.parse import parse
from bake.errors import Diagnostic, InputError, Source
from bake.plan.stages import find_target, reachable
from bake.words import WordError, expand

Row = tuple[str, str, int, int]
"""Rule, message, first and last line of the instruction."""
_RULES = {rule.code: rule for rule in RULES.values()}


@dataclass(frozen=True)
class Findings:
    """`refused`: it cannot be parsed. `violation`: what a build with `error=true` ends with. `comments`: by the first
    line of an instruction, what stands above it. `astray`: findings whose place is in no instruction.
    """

    rows: list[Row] = field(default_factory=list)
    refused: bool = False
    violation: str = ""
    comments: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    astray: list[str] = field(default_factory=list)


def findings(case: Case, bases: Mapping[str, BaseFact]) -> Findings:
    try:
        dockerfile = parse(Source("Dockerfile", case.dockerfile))
    except InputError:
        return Findings(refused=True)
    reached = _reached(dockerfile, case)
    outside = Outside(
        args=case.args,
        predefined=PREDEFINED,
        bases=bases,
        ignore=_ignore(case),
        reached=reached if case.target else None,
    )
    written = view_of(dockerfile, outside).written
    rows, astray = [], []
    for found in lint(dockerfile, outside):
        at = _instruction(found, written)
        rule = _RULES.get(found.code)
        if rule is None or rule.own:
            continue
        if at is None:
            astray.append(str(found))
        elif not rule.reached or at.stage < 0 or at.stage in reached:
            # A blank line is told by the peer at the instruction's end, by bake where it is.
            first = _end(at) if rule.name == "NoEmptyContinuation" else at.span.line
            rows.append((rule.name, found.message, first, _end(at)))
    comments = {at.span.line: at.comments for at in written} | {at.span.end_line: at.comments for at in written}
    violation = next((d.message for d in violations(dockerfile, outside) if d.code == "lint-violation"), "")
    return Findings(sorted(rows), False, violation, comments, astray)


def _instruction(found: Diagnostic, written: tuple[Written, ...]) -> Written | None:
    span = found.span
    inside = (at for at in written if span and at.span.line <= span.line <= span.end_line <= _end(at))
    return next(inside, None)


def _end(at: Written) -> int:
    """Its last line; a blank one may follow the last continuation of a file."""
    return max(at.span.end_line, *at.logical.blanks, 0)


def _ignore(case: Case) -> tuple[str, ...]:
    try:
        return parse_patterns(ignore_file(case))
    except ValueError:
        return ()


def _reached(dockerfile: Dockerfile, case: Case) -> frozenset[int]:
    """As the peer's `--check` counts: all stages when no target is named."""
    if not case.target:
        return frozenset(stage.index for stage in dockerfile.stages)
    try:
        scope = {**PREDEFINED, **case.args}
        bases = {s.index: expand(s.base, scope, escape=dockerfile.escape).text for s in dockerfile.stages}
        final = find_target(dockerfile, case.target, None)
        return frozenset(stage.index for stage in reachable(dockerfile, final, bases, frozenset()))
    except (InputError, WordError):
        return frozenset()
