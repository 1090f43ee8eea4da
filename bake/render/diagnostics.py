"""Diagnostics as text for people, in the form compilers have made familiar, and as data for machines.

error[unknown-key]: unknown key 'contxt'
 --> bake.toml:3:1
  |
3 | contxt = "."
  | ^^^^^^
  = hint: did you mean 'context'?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from bake.errors import Diagnostic, Source, Span
from bake.events import DiagnosticInfo
from bake.render.sanitize import clean, visible
from bake.render.style import Style
from bake.render.width import cells, expand_tabs

_PLAIN = Style()
_MOST_LINES = 6
_LONGEST = 160


def render(diagnostics: Iterable[Diagnostic], style: Style = _PLAIN) -> str:
    """All of them, a blank line between two, ending in a newline; "" for none."""
    return "\n".join(_one(diagnostic, style) for diagnostic in diagnostics)


def info_of(diagnostic: Diagnostic) -> DiagnosticInfo:
    """The form that reports and events carry."""
    span = diagnostic.span
    return DiagnosticInfo(
        code=diagnostic.code,
        severity=diagnostic.severity,
        message=diagnostic.message,
        file=span.source.name if span else "",
        line=span.line if span else 0,
        column=span.column if span else 0,
        hint=diagnostic.hint or "",
    )


def render_info(info: DiagnosticInfo, style: Style = _PLAIN) -> str:
    """A diagnostic of which only the reported form is there, so without its source line."""
    lines = [_headline(info.severity, info.code, info.message, style)]
    if info.file:
        place = f"{info.file}:{info.line}:{info.column}" if info.line else info.file
        lines.append(f" {style.paint('gutter', '-->')} {style.paint('place', clean(place))}")
    lines += _hint(info.hint, "  ", style)
    return "\n".join(lines) + "\n"


def _one(diagnostic: Diagnostic, style: Style) -> str:
    lines = [_headline(diagnostic.severity, diagnostic.code, diagnostic.message, style)]
    spans = [s for s in (diagnostic.span, *(span for span, _ in diagnostic.related)) if s is not None]
    gutter = " " * max((len(str(span.end_line)) for span in spans), default=1)
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span, diagnostic.severity, gutter, style)
    for span, note in diagnostic.related:
        lines.append(f"{style.paint('info', 'note')}: {clean(note)}")
        lines += _excerpt(span, "info", gutter, style)
    lines += _hint(diagnostic.hint or "", gutter + " ", style)
    return "\n".join(lines) + "\n"


def _headline(severity: str, code: str, message: str, style: Style) -> str:
    first, *rest = message.splitlines() or [""]
    label = style.paint(severity, f"{severity}[{code}]")
    return "\n".join([f"{label}: {style.paint('bold', clean(first))}", *(f"  {clean(line)}" for line in rest)])


def _hint(hint: str, indent: str, style: Style) -> Iterator[str]:
    for number, line in enumerate(hint.splitlines()):
        label = f"= {style.paint('hint', 'hint')}:" if number == 0 else "       "
        yield f"{indent}{label} {clean(line)}"


def _excerpt(span: Span, severity: str, gutter: str, style: Style) -> Iterator[str]:
    yield f"{gutter}{style.paint('gutter', '-->')} {style.paint('place', clean(str(span)))}"
    shown = list(_shown_lines(span))
    if not any(text.strip() for _, text, _, _ in shown):
        return
    bar = style.paint("gutter", "|")
    yield f"{gutter} {bar}"
    last = span.line - 1
    for number, text, start, end in shown:
        if number != last + 1:
            yield f"{gutter} {style.paint('gutter', '⋮')}"
        last = number
        line, carets = _marked(text, start, end)
        yield f"{style.paint('gutter', str(number).rjust(len(gutter)))} {bar} {line}".rstrip()
        if carets.strip():
            yield f"{gutter} {bar} {style.paint(severity, carets)}"


def _shown_lines(span: Span) -> Iterator[tuple[int, str, int, int]]:
    """(number, text, start, end) a line of the span, offsets 0-based; the middle of a long span is left out."""
    lines = _lines(span.source)
    # A span that ends before the first character of a line does not really reach that line.
    last = span.end_line - 1 if span.end_column == 1 and span.end_line > span.line else span.end_line
    for number in range(span.line, min(last, len(lines)) + 1):
        if last - span.line >= _MOST_LINES and span.line + 2 < number < last:
            continue
        text = lines[number - 1]
        start = span.column - 1 if number == span.line else len(text) - len(text.lstrip())
        end = span.end_column - 1 if number == span.end_line else len(text.rstrip())
        yield number, text, start, max(end, start + 1 if number == span.line else start)


@lru_cache(maxsize=4)
def _lines(source: Source) -> Sequence[str]:
    """As spans count them; split once for the many findings of one file."""
    return [line.rstrip("\r") for line in source.text.split("\n")]


def _marked(text: str, start: int, end: int) -> tuple[str, str]:
    """The line as shown and the carets under `[start, end)`, both cut to a window around the carets."""
    if len(text) > _LONGEST:
        text, start, end = _window(text, start, end)
    text = visible(text)
    before = cells(expand_tabs(text[:start]))
    under = max(1, cells(expand_tabs(text[:end])) - before) if end > start else 0
    return expand_tabs(text), " " * before + "^" * under


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    left = max(0, min(start - _LONGEST // 4, len(text) - _LONGEST))
    right = left + _LONGEST
    head, tail = "…" if left else "", "…" if right < len(text) else ""
    shift = len(head) - left
    return head + text[left:right] + tail, start + shift, min(end, right) + shift
