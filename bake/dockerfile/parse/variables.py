"""ENV, LABEL, ARG (dockerfile.md §5)."""

from __future__ import annotations

from bake.dockerfile.forms import FORMS
from bake.dockerfile.instructions import Arg, Env, Label
from bake.dockerfile.parse.raw import BLANKS, Raw


def parse_env(raw: Raw) -> Env:
    pairs, legacy = _pairs(raw)
    return Env(span=raw.span, text=raw.text, pairs=pairs, legacy=legacy)


def parse_label(raw: Raw) -> Label:
    pairs, legacy = _pairs(raw)
    return Label(span=raw.span, text=raw.text, pairs=pairs, legacy=legacy)


def _pairs(raw: Raw) -> tuple[tuple[tuple[str, str], ...], bool]:
    """`k=v …`, or the legacy form `k rest of the line`."""
    raw.flags({})
    words = raw.quoted_words()
    if "=" not in words[0]:
        name, *value = BLANKS.split(raw.text, maxsplit=1)
        if not value:
            raise raw.fail("missing-argument", f"{raw.keyword} must have two arguments", f"{raw.keyword} {name}=VALUE")
        return ((name, value[0]),), True
    found: list[tuple[str, str]] = []
    for word in words:
        name, equals, rest = word.partition("=")
        if not equals:
            message = f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value'
            raise raw.fail("bad-pair", message, "quote values that hold blanks", raw.last(word))
        if not name:
            raise raw.fail("bad-pair", f"{raw.keyword} names can not be blank", FORMS[raw.keyword], raw.at(word))
        found.append((name, rest))
    return tuple(found), False


def parse_arg(raw: Raw) -> Arg:
    """Its flags are never looked at."""
    found: list[tuple[str, str | None]] = []
    for word in raw.quoted_words():
        name, equals, value = word.partition("=")
        if not name:
            raise raw.fail("bad-pair", "ARG names can not be blank", FORMS["ARG"], raw.at(word))
        found.append((name, value if equals else None))
    return Arg(span=raw.span, text=raw.text, pairs=tuple(found))
