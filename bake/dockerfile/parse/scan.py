"""Text → raw instructions: the lexical half of a parse, which lint rules use too (dockerfile.md §1, §2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bake.dockerfile.directives import Directives, read_directives
from bake.dockerfile.flags import take_flags
from bake.dockerfile.heredoc import heredoc_words
from bake.dockerfile.instructions import Heredoc
from bake.dockerfile.jsonform import NotStrings, read_json
from bake.dockerfile.lines import Lines, Logical
from bake.dockerfile.parse.raw import BLANKS, Raw
from bake.errors import Diagnostic, InputError, Source, Span

KEYWORDS = (
    "FROM", "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
_WITH_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


@dataclass(frozen=True, slots=True)
class Scan:
    """`error`: what ended the scan early. `comments`: (line, text behind `#`) of each comment line."""

    directives: Directives
    raws: tuple[Raw, ...]
    comments: tuple[tuple[int, str], ...] = field(repr=False)
    error: InputError | None = None


def scan(source: Source) -> Scan:
    """All instructions, cut into keyword, flags and arguments. Raises InputError for directives and overlong lines."""
    directives = read_directives(source)
    lines = Lines(source)
    lines.at = directives.lines
    raws: list[Raw] = []
    error: InputError | None = None
    while error is None and (logical := lines.instruction(directives.escape)) is not None:
        raw = _cut(logical, lines, directives.escape)
        try:
            raw = _with_heredocs(raw, lines)
        except InputError as found:
            error = found
        raws.append(raw)
    return Scan(directives, tuple(raws), tuple(lines.comments), error)


def scan_one(text: str, span: Span) -> Raw:
    """The one instruction in `text` (an ONBUILD trigger), which counts as standing at `span`. Raises InputError."""
    lines = Lines(Source(span.source.name, text))
    logical = lines.instruction("\\")
    if logical is None:
        raise InputError(Diagnostic("bad-onbuild", "an ONBUILD trigger is empty", span))
    raw = _with_heredocs(_cut(logical, lines, "\\"), lines)
    if lines.instruction("\\") is not None:
        raise raw.fail("bad-onbuild", "onbuild trigger should be a single expression")
    return replace(raw, span=span)


def _cut(logical: Logical, lines: Lines, escape: str) -> Raw:
    """Cuts keyword and flags off."""
    text = logical.text.rstrip()
    start = len(text) - len(text.lstrip())
    word = BLANKS.split(text[start:], maxsplit=1)[0]
    keyword = word.upper()
    flags, offset = take_flags(text, start + len(word), escape) if keyword in KEYWORDS else ((), start + len(word))
    while offset < len(text) and text[offset].isspace():
        offset += 1
    place = logical.span(start)
    span = replace(place, end_line=logical.last, end_column=lines.end(logical.last))
    return Raw(keyword, word, start, text[offset:], offset, flags, span, escape, logical)


def _with_heredocs(raw: Raw, lines: Lines) -> Raw:
    """Reads the bodies that the arguments announce. Raises InputError for one without an end."""
    found = heredoc_words(raw.text) if _may_have_heredocs(raw) else []
    if not found:
        return raw
    heredocs: list[Heredoc] = []
    for heredoc, word in found:
        body = lines.heredoc(heredoc.name, heredoc.chomp)
        if body is None:
            hint = f"end it with a line that is just {heredoc.name}"
            raise raw.fail("unterminated-heredoc", "unterminated heredoc", hint, raw.at(word))
        heredocs.append(replace(heredoc, body=body))
    span = replace(raw.span, end_line=lines.at, end_column=lines.end(lines.at))
    return replace(raw, heredocs=tuple(heredocs), heredoc_words=tuple(word for _, word in found), span=span)


def _may_have_heredocs(raw: Raw) -> bool:
    keyword, text = raw.keyword, raw.text
    if keyword == "ONBUILD":
        keyword, _, text = text.partition(" ")
    try:
        return keyword.upper() in _WITH_HEREDOCS and read_json(text) is None
    except NotStrings:
        return False
