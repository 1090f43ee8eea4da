"""ENV, LABEL, ARG."""

from __future__ import annotations

import re

from bake.dockerfile.instructions import Arg, Env, Label
from bake.dockerfile.parse.raw import Raw, quoted_words


def parse_env(raw: Raw) -> Env:
    pairs, legacy = _pairs(raw)
    return Env(span=raw.span, text=raw.text, pairs=pairs, legacy=legacy)


def parse_label(raw: Raw) -> Label:
    pairs, legacy = _pairs(raw)
    return Label(span=raw.span, text=raw.text, pairs=pairs, legacy=legacy)


def _pairs(raw: Raw) -> tuple[tuple[tuple[str, str], ...], bool]:
    """`k=v …`, or the legacy form `k rest of the line`."""
    raw.flags({})
    words = quoted_words(raw.required(), raw.escape)
    if "=" not in words[0]:
        parts = re.split(r"[\t\v\f\r ]+", raw.text, maxsplit=1)
        if len(parts) < 2:
            raise raw.fail(f"{raw.keyword} must have two arguments", code="missing-argument")
        return ((parts[0], parts[1]),), True
    found: list[tuple[str, str]] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            message = f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            raise raw.fail(message, code="bad-pair", hint="quote values that hold blanks")
        if not name:
            raise raw.fail(f"{raw.keyword} names can not be blank", code="bad-pair")
        found.append((name, value))
    return tuple(found), False


def parse_arg(raw: Raw) -> Arg:
    found: list[tuple[str, str | None]] = []
    for word in quoted_words(raw.required(), raw.escape):
        name, equals, value = word.partition("=")
        if not name:
            raise raw.fail("ARG names can not be blank", code="bad-pair")
        found.append((name, value if equals else None))
    return Arg(span=raw.span, text=raw.text, pairs=tuple(found))
