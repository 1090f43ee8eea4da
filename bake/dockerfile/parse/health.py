"""HEALTHCHECK (dockerfile.md §9)."""

from __future__ import annotations

import re
from dataclasses import replace

from bake.dockerfile.durations import parse_duration
from bake.dockerfile.flags import Flags, Kind
from bake.dockerfile.forms import FORMS
from bake.dockerfile.instructions import Healthcheck
from bake.dockerfile.parse.raw import Raw
from bake.errors import nearest

_TIMES = ("interval", "timeout", "start-period", "start-interval")
_FLAGS: dict[str, Kind] = {**dict.fromkeys(_TIMES, "text"), "retries": "text"}
_MILLISECOND = 10**6
_MOST_RETRIES = 2**31 - 1


def parse_healthcheck(raw: Raw) -> Healthcheck:
    """`NONE`, whose flags are never looked at, or `CMD` with a command of either form."""
    kind = raw.required().split(None, 1)[0]
    rest = raw.text[len(kind) :].lstrip()
    if kind.upper() == "NONE":
        if rest:
            raise raw.fail("bad-healthcheck", "HEALTHCHECK NONE takes no arguments", "HEALTHCHECK NONE", raw.at(rest))
        return Healthcheck(span=raw.span, text=raw.text, command=None)
    flags = raw.flags(_FLAGS)
    if kind.upper() != "CMD":
        message = f'Unknown type "{kind.upper()}" in HEALTHCHECK (try CMD)'
        near = nearest(kind, ("CMD", "NONE"))
        hint = f"did you mean {near}?" if near else f"HEALTHCHECK CMD {raw.text}"
        raise raw.fail("bad-healthcheck", message, hint, raw.at(kind))
    offset = raw.offset + len(raw.text) - len(rest)
    command = replace(raw, text=rest, offset=offset).command()
    if not command.shell and not command.words:
        raise raw.fail("bad-healthcheck", "Missing command after HEALTHCHECK CMD", FORMS["HEALTHCHECK"])
    times = {name.replace("-", "_"): _time(raw, flags, name) for name in _TIMES}
    return Healthcheck(span=raw.span, text=raw.text, command=command, retries=_retries(raw, flags), **times)


def _time(raw: Raw, flags: Flags, name: str) -> int:
    """Nanoseconds, 0 where the flag is not given."""
    text = flags.text(name)
    if text is None:
        return 0
    span = raw.flag_span(flags.all(name)[0])
    try:
        value = parse_duration(text)
    except ValueError as error:
        raise raw.fail("bad-duration", str(error), "such as 30s or 1m30s", span) from None
    if value != 0 and value < _MILLISECOND:
        raise raw.fail("bad-duration", f'Interval "{name}" cannot be less than 1ms', "such as 30s or 1m30s", span)
    return value


def _retries(raw: Raw, flags: Flags) -> int:
    text = flags.text("retries")
    if text is None:
        return 0
    span = raw.flag_span(flags.all("retries")[0])
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or abs(int(text)) > _MOST_RETRIES:
        raise raw.fail("bad-retries", f"--retries must be a whole number, not '{text}'", "such as 3", span)
    if int(text) < 0:
        raise raw.fail(
            "bad-retries", f"--retries cannot be negative ({int(text)})", "such as 3; 0 means the default", span
        )
    return int(text)
