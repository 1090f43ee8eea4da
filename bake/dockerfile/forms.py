"""What a mistake in a Dockerfile is told with: its exact place, and the nearest good form."""

from __future__ import annotations

from collections.abc import Mapping

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


def word_hint(message: str) -> str | None:
    """What to do about a word that cannot be expanded, by the message of its error."""
    return next((hint for part, hint in _WORDS if part in message), None)


def place_of(span: Span, text: str) -> Span:
    """Where `text` stands in what `span` covers; `span` itself when it was written in another way."""
    rows = span.source.text.split("\n")[span.line - 1 : span.end_line]
    for number, row in enumerate(rows, span.line):
        start = row.find(text, span.column - 1 if number == span.line else 0) if text else -1
        if start >= 0:
            return Span(span.source, number, start + 1, number, start + 1 + len(text))
    return span
