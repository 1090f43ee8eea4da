"""The options of a mount: as written, and then each one's value, in the order that BuildKit reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bake.dockerfile.forms import place_of
from bake.dockerfile.instructions import Mount
from bake.errors import Diagnostic, InputError, Span, nearest

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
SHARING = ("shared", "private", "locked")
_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([kKmMgGtTpP]?)(?:[iI]?[bB])?")
_MOST = 2**32 - 1
_BARE = ("readonly", "ro", "readwrite", "rw", "required")
_FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Options:
    """None where an option is not given."""

    type: str = "bind"
    target: str = ""
    source: str = ""
    from_: str = ""
    id: str = ""
    sharing: str | None = None
    readonly: bool | None = None
    required: bool = False
    size: int = 0
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    env: str | None = None


def parse_mount(text: str, span: Span) -> Mount:
    """The options as written. Raises InputError for what is no CSV, and for `from` with a variable.

    All else is looked at when the stage is built, since BuildKit overlooks it in stages that are not.
    """
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise wrong(f"failed to parse csv mounts: {error}", span) from None
    fields = [field.partition("=") for row in rows for field in row]
    if not fields:
        raise wrong("failed to parse csv mounts: it is empty", span, f"type={'|'.join(TYPES)},target=PATH,…")
    for key, _, value in fields:
        if key.lower() == "from" and "$" in value:
            hint = "FROM takes variables: FROM $IMAGE AS name, then from=name"
            place = place_of(span, f"{key}={value}")
            raise wrong("'from' doesn't support variable expansion, define alias stage instead", place, hint)
    return Mount(options=tuple((key.lower(), value if equals else None) for key, equals, value in fields), span=span)


def read_options(mount: Mount, expand: Callable[[str], str]) -> Options:
    """The values, expanded. `required` and `size` must come after their `type`. Raises InputError at the option."""
    found = Options()
    for key, text in mount.options:
        name, value = (key, expand(text)) if text is not None else _bare(key, mount.at(key))
        option = _OPTIONS.get(name)
        if option is None:
            message = f"unexpected key '{key}' in '{key}={text}'"
            hint = did_you_mean(key, tuple(_OPTIONS)) or f"options: {', '.join(_OPTIONS)}"
            raise wrong(message, mount.at(key), hint)
        if option.types and found.type not in option.types:
            hint = f"{name} is for {' and '.join(option.types)}, and comes after type="
            raise wrong(f"unexpected key '{key}' for mount type '{found.type}'", mount.at(key), hint)
        try:
            found = replace(found, **{option.field: option.read(name, value)})
        except ValueError as error:
            form = did_you_mean(value.lower(), option.known) or option.form
            raise wrong(str(error), mount.at(key), form) from None
    return found


def wrong(message: str, span: Span, hint: str | None = None) -> InputError:
    """The error for a mount."""
    return InputError(Diagnostic("bad-mount", message, span, hint))


def did_you_mean(word: str, known: tuple[str, ...]) -> str | None:
    near = nearest(word, known)
    return f"did you mean '{near}'?" if near else None


def _bare(key: str, span: Span) -> tuple[str, str]:
    """An option without a value stands for one with."""
    if key not in _BARE:
        message = f"invalid field '{key}' must be a key=value pair"
        hint = f"{key}=VALUE" if key in _OPTIONS else did_you_mean(key, _BARE) or f"alone stand {', '.join(_BARE)}"
        raise wrong(message, span, hint)
    return key, "true"


def _text(_: str, value: str) -> str:
    return value


def _bool(name: str, value: str) -> bool:
    if value not in _BOOLS:
        raise ValueError(f"invalid value for {name}: {value}")
    return _BOOLS[value]


def _not(name: str, value: str) -> bool:
    return not _bool(name, value)


def _one_of(known: tuple[str, ...], message: str) -> Callable[[str, str], str]:
    def read(_: str, value: str) -> str:
        if value.lower() not in known:
            raise ValueError(f"{message.format(value)}, it is one of {', '.join(known)}")
        return value.lower()

    return read


def _number(base: int) -> Callable[[str, str], int]:
    digits = re.compile(f"[0-{base - 1}]{{1,20}}")

    def read(name: str, value: str) -> int:
        if not digits.fullmatch(value) or int(value, base) > _MOST:
            raise ValueError(f"invalid value {value} for {name}")
        return int(value, base)

    return read


def _size(name: str, value: str) -> int:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError(f"invalid value for {name}: {value}")
    return int(float(found[1]) * 1024 ** " kmgtp".index(found[2].lower() or " "))


@dataclass(frozen=True, slots=True)
class _Option:
    """Its field, how a value is read (raises ValueError), and the types it is for, if not for all.

    For hints: the values that there are, or how one is written.
    """

    field: str
    read: Callable[[str, str], Any] = _text
    types: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    form: str | None = None


_OPTIONS = {
    "type": _Option("type", _one_of(TYPES, 'unsupported mount type "{}"'), known=TYPES),
    "target": _Option("target"),
    "dst": _Option("target"),
    "destination": _Option("target"),
    "source": _Option("source"),
    "src": _Option("source"),
    "from": _Option("from_"),
    "id": _Option("id"),
    "sharing": _Option("sharing", _one_of(SHARING, 'unsupported sharing value "{}"'), known=SHARING),
    "readonly": _Option("readonly", _bool, form=_FLAG),
    "ro": _Option("readonly", _bool, form=_FLAG),
    "readwrite": _Option("readonly", _not, form=_FLAG),
    "rw": _Option("readonly", _not, form=_FLAG),
    "required": _Option("required", _bool, ("secret", "ssh"), form=_FLAG),
    "size": _Option("size", _size, ("tmpfs",), form="such as size=64m"),
    "mode": _Option("mode", _number(8), form="an octal number, such as mode=0755"),
    "uid": _Option("uid", _number(10), form="a number, such as uid=1000"),
    "gid": _Option("gid", _number(10), form="a number, such as gid=1000"),
    "env": _Option("env"),
}
