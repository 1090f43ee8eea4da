"""Text → typed instructions: one parser an instruction, found by keyword in one table (dockerfile.md §1–3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bake.dockerfile.directives import read_directives
from bake.dockerfile.flags import take_flags
from bake.dockerfile.heredoc import heredoc_words
from bake.dockerfile.instructions import Arg, Dockerfile, Heredoc, Instruction, Stage
from bake.dockerfile.lines import Lines, Logical
from bake.dockerfile.parse import config, run, transfer, variables
from bake.dockerfile.parse.raw import Raw
from bake.dockerfile.parse.stage import parse_from
from bake.errors import Diagnostic, InputError, Source, Span, nearest

_PARSERS: dict[str, Callable[[Raw], Instruction]] = {
    "ADD": transfer.parse_add,
    "ARG": variables.parse_arg,
    "CMD": run.parse_cmd,
    "COPY": transfer.parse_copy,
    "ENTRYPOINT": run.parse_entrypoint,
    "ENV": variables.parse_env,
    "EXPOSE": config.parse_expose,
    "HEALTHCHECK": run.parse_healthcheck,
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
KEYWORDS = ("FROM", *_PARSERS)
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


def parse(source: Source) -> Dockerfile:
    """The typed Dockerfile. Raises InputError with every mistake that can be told apart."""
    directives = read_directives(source)
    lines = Lines(source)
    lines.at = directives.lines
    stages: list[Stage] = []
    globals_: list[Arg] = []
    bodies: list[list[Instruction]] = []
    errors: list[Diagnostic] = []
    seen = False
    while (logical := lines.instruction(directives.escape)) is not None:
        seen = True
        try:
            raw = _raw(logical, lines, directives.escape)
            if raw.keyword == "FROM":
                bodies.append([])
                stages.append(parse_from(raw, len(stages)))
            else:
                _place(_instruction(raw), raw, bodies, globals_)
        except InputError as error:
            errors += error.diagnostics
            if len(bodies) > len(stages):
                stages.append(
                    Stage(index=len(stages), name="", base="scratch", platform=None, instructions=(), span=raw.span)
                )
    if not seen:
        message = "file with no instructions" if source.text.strip() else "the Dockerfile cannot be empty"
        errors.append(Diagnostic("empty-dockerfile", message, Span(source, 1, 1, 1, 1)))
    elif not stages and not errors:
        errors.append(Diagnostic("no-stages", "dockerfile contains no stages to build", Span(source, 1, 1, 1, 1)))
    if errors:
        raise InputError(errors)
    return Dockerfile(
        source_name=source.name,
        stages=tuple(replace(s, instructions=tuple(body)) for s, body in zip(stages, bodies, strict=True)),
        args=tuple(globals_),
        escape=directives.escape,
        syntax=directives.syntax,
        check=directives.check,
        comments=tuple(lines.comments),
    )


def parse_instruction(text: str, span: Span) -> Instruction:
    """One instruction on its own: an ONBUILD trigger, whose place is that of the FROM line (`span`)."""
    lines = Lines(Source(span.source.name, text))
    logical = lines.instruction("\\")
    if logical is None:
        raise InputError(Diagnostic("bad-onbuild", "an ONBUILD trigger is empty", span))
    try:
        raw = replace(_raw(logical, lines, "\\"), span=span)
        if lines.instruction("\\") is not None:
            raise raw.fail("onbuild trigger should be a single expression", code="bad-onbuild")
        return _instruction(raw)
    except InputError as error:
        raise InputError(
            [replace(d, span=span, message=f"ONBUILD {text}: {d.message}") for d in error.diagnostics]
        ) from None


def _instruction(raw: Raw) -> Instruction:
    parser = _PARSERS.get(raw.keyword)
    if parser is None:
        near = nearest(raw.keyword, KEYWORDS)
        hint = f"did you mean {near}?" if near else None
        raise raw.fail(f"unknown instruction: {raw.keyword}", code="unknown-instruction", hint=hint, at=0)
    return parser(raw)


def _place(instruction: Instruction, raw: Raw, bodies: list[list[Instruction]], globals_: list[Arg]) -> None:
    if bodies:
        bodies[-1].append(instruction)
    elif isinstance(instruction, Arg):
        globals_.append(instruction)
    else:
        hint = "a Dockerfile starts with FROM, only ARG may come before it"
        raise raw.fail("no build stage in current context", code="before-from", hint=hint)


def _raw(logical: Logical, lines: Lines, escape: str) -> Raw:
    """Cuts keyword and flags off, and reads the bodies of heredocs."""
    text = logical.text.rstrip()
    keyword = text.split(None, 1)[0] if text else ""
    upper = keyword.upper()
    words, start = take_flags(text[len(keyword) :], escape) if upper in KEYWORDS else ([], 0)
    offset = len(keyword) + start
    rest = text[offset:]
    offset += len(rest) - len(rest.lstrip())
    rest = rest.strip()
    span = Span(logical.source, logical.first, logical.pieces[0][2], logical.last, _end(lines, logical.last))
    flags = tuple((word, at + len(keyword)) for word, at in words)
    raw = Raw(upper, rest, offset, flags, (), (), span, escape, logical)
    return _with_heredocs(raw, lines)


def _with_heredocs(raw: Raw, lines: Lines) -> Raw:
    inner = raw.text.split(None, 1)[0].upper() if raw.keyword == "ONBUILD" and raw.text else ""
    if not _WITH_HEREDOCS & {raw.keyword, inner} or (raw.keyword in _WITH_HEREDOCS and raw.json() is not None):
        return raw
    found = heredoc_words(raw.text)
    if not found:
        return raw
    heredocs: list[Heredoc] = []
    for heredoc, _ in found:
        body = lines.heredoc(heredoc.name, heredoc.chomp)
        if body is None:
            lines.at = len(lines.rows)
            hint = f"end it with a line that is just {heredoc.name}"
            raise raw.fail("unterminated heredoc", code="unterminated-heredoc", hint=hint)
        heredocs.append(replace(heredoc, body=body))
    span = replace(raw.span, end_line=lines.at, end_column=_end(lines, lines.at))
    return replace(raw, heredocs=tuple(heredocs), heredoc_words=tuple(word for _, word in found), span=span)


def _end(lines: Lines, number: int) -> int:
    return len(lines.rows[number - 1].rstrip("\r\n")) + 1
