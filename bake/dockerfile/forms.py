"""What a mistake in a Dockerfile is told with: its exact place, and the nearest good form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from bake.errors import Span

FORMS: Mapping[str, str] = {
    "ADD": "ADD SOURCE… DESTINATION",
    "ARG": "ARG NAME[=DEFAULT]",
    "COPY": "COPY SOURCE… DESTINATION",
    "ENV": "ENV NAME=VALUE…",
    "EXPOSE": "EXPOSE PORT[-PORT][/tcp|udp|sctp]…",
    "HEALTHCHECK": "HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE",
    "LABEL": "LABEL NAME=VALUE…",
    "MAINTAINER": "LABEL org.opencontainers.image.authors=NAME",
    "ONBUILD": "ONBUILD INSTRUCTION, such as ONBUILD COPY . /app",
    "SHELL": 'SHELL ["PROGRAM", "ARGUMENT"]',
    "STOPSIGNAL": "STOPSIGNAL SIGTERM",
    "USER": "USER NAME[:GROUP]",
    "VOLUME": 'VOLUME ["/PATH"]',
    "WORKDIR": "WORKDIR /PATH",
}
"""By keyword: how the instruction is written."""

_WORDS = (
    ("missing '}'", "close it: ${NAME}"),
    ("bad substitution", "${NAME}; write \\$ for a dollar sign"),
    ("unsupported modifier", "${NAME:-DEFAULT} ${NAME:+VALUE} ${NAME:?ERROR} ${NAME#PREFIX} ${NAME%END} ${NAME/A/B}"),
    ("missing '/'", "${NAME/OLD/NEW}"),
    ("invalid pattern", "in a pattern, \\ stands only before * ? } / and itself"),
    ("single-quote", "close the quote, or write \\' for a plain one"),
    ("double-quote", 'close the quote, or write \\" for a plain one'),
    ("not allowed to be", "give the variable a value, with ARG NAME=DEFAULT or `args` of the target"),
)  # fmt: skip


_BEFORE = " \t\r\v\f,='\"["
_AFTER = " \t\r\v\f,='\"]"


def word_hint(message: str) -> str | None:
    """What to do about a word that cannot be expanded, by the message of its error."""
    return next((hint for part, hint in _WORDS if part in message), None)


def place_of(span: Span, *texts: str) -> Span:
    """Where the first of `texts` stands as a word, or as a part between `=` and `,`, in what `span` covers after its
    keyword; `span` itself when none does."""
    rows = _rows(span.source.text)
    for text in filter(None, texts):
        for number in range(span.line, span.end_line + 1):
            row = rows[number - 1] if number <= len(rows) else ""
            first = span.column - 1 if number == span.line else 0
            last = span.end_column - 1 if number == span.end_line else len(row)
            start = _word(row[:last], text, first)
            if start >= 0:
                return Span(span.source, number, start + 1, number, start + 1 + len(text))
    return span


@lru_cache(maxsize=16)
def _rows(text: str) -> list[str]:
    return text.split("\n")


def _word(row: str, text: str, start: int) -> int:
    """Where `text` is no part of a longer word, -1 if nowhere."""
    while (start := row.find(text, start)) >= 0:
        before, after = row[start - 1 : start] if start else "", row[start + len(text) : start + len(text) + 1]
        if (not before or before in _BEFORE) and (not after or after in _AFTER):
            return start
        start += 1
    return -1
