"""Text → typed instructions: one parser an instruction, found by keyword in one table (dockerfile.md §1–3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bake.dockerfile.instructions import Arg, Dockerfile, Instruction, Stage
from bake.dockerfile.parse import config, health, run, transfer, variables
from bake.dockerfile.parse.raw import Raw
from bake.dockerfile.parse.scan import KEYWORDS, scan, scan_one
from bake.dockerfile.parse.stage import parse_from
from bake.errors import Diagnostic, InputError, Source, Span, nearest

__all__ = ["KEYWORDS", "parse", "parse_instruction", "parse_raw"]

T = TypeVar("T")

_PARSERS: dict[str, Callable[[Raw], Instruction]] = {
    "ADD": transfer.parse_add,
    "ARG": variables.parse_arg,
    "CMD": run.parse_cmd,
    "COPY": transfer.parse_copy,
    "ENTRYPOINT": run.parse_entrypoint,
    "ENV": variables.parse_env,
    "EXPOSE": config.parse_expose,
    "HEALTHCHECK": health.parse_healthcheck,
    "LABEL": variables.parse_label,
    "MAINTAINER": config.parse_maintainer,
    "ONBUILD": config.parse_onbuild,
    "RUN": run.parse_run,
    "SHELL": run.parse_shell,
    "STOPSIGNAL": config.parse_stopsignal,
    "USER": config.parse_user,
    "VOLUME": config.parse_volume,
    "WORKDIR": config.parse_workdir,
}


def parse(source: Source) -> Dockerfile:
    """The typed Dockerfile. Raises InputError with every mistake that can be told apart."""
    scanned = scan(source)
    errors: list[Diagnostic] = []
    head, groups = _by_stage(scanned.raws)
    args = [_attempt(_parse_global, raw, errors) for raw in head]
    stages = [_stage(index, group, errors) for index, group in enumerate(groups)]
    if scanned.error is not None:
        errors += scanned.error.diagnostics
    elif not errors and not groups:
        errors.append(_nothing(source, scanned.raws))
    if errors:
        raise InputError(errors)
    return Dockerfile(
        source_name=source.name,
        stages=tuple(stage for stage in stages if stage is not None),
        args=tuple(arg for arg in args if arg is not None),
        escape=scanned.directives.escape,
        syntax=scanned.directives.syntax,
        check=scanned.directives.check,
        comments=scanned.comments,
    )


def parse_instruction(text: str, span: Span) -> Instruction:
    """One instruction on its own: an ONBUILD trigger, whose place is that of the FROM line (`span`).

    Its escape character is always the backslash. Raises InputError at `span`.
    """
    try:
        return parse_raw(scan_one(text, span))
    except InputError as error:
        shown = f"ONBUILD {text.splitlines()[0] if text else ''}"
        found = [replace(d, span=span, message=f"{shown}: {d.message}") for d in error.diagnostics]
        raise InputError(found) from None


def parse_raw(raw: Raw) -> Instruction:
    """Any instruction but FROM. Raises InputError."""
    parser = _PARSERS.get(raw.keyword)
    if parser is None:
        near = nearest(raw.keyword, KEYWORDS) if raw.word.isalpha() else None
        hint = f"did you mean {near}?" if near else _continues(raw)
        raise raw.fail("unknown-instruction", f"unknown instruction: {raw.word}", hint, raw.word_span)
    return parser(raw)


def _continues(raw: Raw) -> str:
    """What is no instruction, nor nearly one, is often the rest of the line before."""
    return f"a line that goes on must end with {raw.escape}; instructions are {', '.join(KEYWORDS)}"


def _by_stage(raws: Sequence[Raw]) -> tuple[Sequence[Raw], list[Sequence[Raw]]]:
    """What stands before the first FROM, and a group for each FROM."""
    starts = [at for at, raw in enumerate(raws) if raw.keyword == "FROM"]
    ends = [*starts[1:], len(raws)]
    return raws[: starts[0] if starts else len(raws)], [raws[a:b] for a, b in zip(starts, ends, strict=False)]


def _stage(index: int, group: Sequence[Raw], errors: list[Diagnostic]) -> Stage | None:
    stage = _attempt(lambda raw: parse_from(raw, index), group[0], errors)
    body = [_attempt(parse_raw, raw, errors) for raw in group[1:]]
    return stage and replace(stage, instructions=tuple(one for one in body if one is not None))


def _parse_global(raw: Raw) -> Arg:
    instruction = parse_raw(raw)
    if isinstance(instruction, Arg):
        return instruction
    hint = "a Dockerfile begins with FROM, only ARG may come before it"
    raise raw.fail("before-from", "no build stage in current context", hint, raw.word_span)


def _attempt(parser: Callable[[Raw], T], raw: Raw, errors: list[Diagnostic]) -> T | None:
    """What the parser makes of `raw`, None after noting why it cannot."""
    try:
        return parser(raw)
    except InputError as error:
        errors += error.diagnostics
        return None


def _nothing(source: Source, raws: Sequence[Raw]) -> Diagnostic:
    place = Span(source, 1, 1, 1, 1)
    if not source.text:
        return Diagnostic("empty-dockerfile", "the Dockerfile cannot be empty", place)
    if not raws:
        return Diagnostic("empty-dockerfile", "file with no instructions", place)
    return Diagnostic("no-stages", "dockerfile contains no stages to build", place, "add a FROM line")
