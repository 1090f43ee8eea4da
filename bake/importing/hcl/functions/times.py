"""Functions on points in time that are given: what asks for the present is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bake.importing.hcl.convert import Mismatch, Value, to_number, to_text

_TOKEN = re.compile(r"'((?:[^']|'')*)'|(Y+|M+|D+|E+|h+|H+|A+|a+|m+|s+|Z+)|([A-Za-z])|(.)", re.S)
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


def _stamp(text: Value) -> datetime:
    """RFC 3339."""
    written = to_text(text)
    if not _STAMP.fullmatch(written):
        raise Mismatch(f"'{written[:60]}' is no point in time as RFC 3339 writes it")
    try:
        return datetime.fromisoformat(written.replace("Z", "+00:00")).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise Mismatch(f"'{written[:60]}' is no point in time") from None


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _zone(moment: datetime, colon: bool) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:]}" if colon else text


_FORMS: Mapping[str, Callable[[datetime], str]] = {
    "YYYY": lambda moment: f"{moment.year:04}",
    "YY": lambda moment: f"{moment.year % 100:02}",
    "MMMM": lambda moment: moment.strftime("%B"),
    "MMM": lambda moment: moment.strftime("%b"),
    "MM": lambda moment: f"{moment.month:02}",
    "M": lambda moment: str(moment.month),
    "DD": lambda moment: f"{moment.day:02}",
    "D": lambda moment: str(moment.day),
    "EEEE": lambda moment: moment.strftime("%A"),
    "EEE": lambda moment: moment.strftime("%a"),
    "hh": lambda moment: f"{moment.hour:02}",
    "h": lambda moment: str(moment.hour),
    "HH": lambda moment: f"{moment.hour % 12 or 12:02}",
    "H": lambda moment: str(moment.hour % 12 or 12),
    "AA": lambda moment: "AM" if moment.hour < 12 else "PM",
    "aa": lambda moment: "am" if moment.hour < 12 else "pm",
    "mm": lambda moment: f"{moment.minute:02}",
    "m": lambda moment: str(moment.minute),
    "ss": lambda moment: f"{moment.second:02}",
    "s": lambda moment: str(moment.second),
    "ZZZZZ": lambda moment: _zone(moment, colon=True),
    "ZZZZ": lambda moment: _zone(moment, colon=False),
    "ZZZ": lambda moment: "UTC" if not moment.utcoffset() else _zone(moment, colon=False),
    "Z": lambda moment: "Z" if not moment.utcoffset() else _zone(moment, colon=True),
}


def _formatted(pattern: Value, moment: datetime) -> str:
    def one(match: re.Match[str]) -> str:
        literal, verb, letter, other = match.groups()
        if literal is not None:
            return literal.replace("''", "'")
        if letter is not None or (verb is not None and verb not in _FORMS):
            raise Mismatch(f"the date format has no `{letter or verb}`; texts in it stand in single quotes")
        return _FORMS[verb](moment) if verb is not None else str(other)

    return _TOKEN.sub(one, to_text(pattern))


def formatdate(pattern: Value, stamp: Value) -> str:
    """`YYYY-MM-DD'T'hh:mm:ssZ` and the like."""
    return _formatted(pattern, _stamp(stamp))


def formattimestamp(pattern: Value, stamp: Value) -> str:
    """As `formatdate`, also of seconds since 1970; the format `X` gives these."""
    moment = _of_seconds(stamp) if re.fullmatch(r"-?\d+", to_text(stamp)) else _stamp(stamp)
    return str(int(moment.timestamp())) if to_text(pattern) == "X" else _formatted(pattern, moment)


def _of_seconds(value: Value) -> datetime:
    try:
        return datetime.fromtimestamp(int(to_number(value)), UTC)
    except (OSError, OverflowError, ValueError):
        raise Mismatch(f"{to_text(value)[:40]} is no count of seconds") from None


def timeadd(stamp: Value, duration: Value) -> str:
    """`1h30m` later, `-10m` earlier."""
    written = to_text(duration)
    body = written.lstrip("+-")
    parts = _DURATION.findall(body)
    if len(body) < len(written) - 1 or "".join(number + unit for number, unit in parts) != body or not parts:
        raise Mismatch(f"'{written[:40]}' is no duration such as 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        return _written(_stamp(stamp) + timedelta(seconds=-seconds if written.startswith("-") else seconds))
    except OverflowError:
        raise Mismatch("the point in time is out of range") from None


def unixtimestampparse(value: Value) -> dict[str, Any]:
    """The parts of a count of seconds since 1970."""
    moment = _of_seconds(value)
    iso = moment.isocalendar()
    return {
        "year": moment.year, "month": moment.month, "day": moment.day, "hour": moment.hour, "minute": moment.minute,
        "second": moment.second, "rfc3339": _written(moment), "month_name": moment.strftime("%B"),
        "weekday": moment.isoweekday() % 7, "weekday_name": moment.strftime("%A"),
        "year_day": moment.timetuple().tm_yday, "iso_year": iso.year, "iso_week": iso.week,
    }  # fmt: skip


TIMES: Mapping[str, Callable[..., Any]] = {
    "formatdate": formatdate,
    "formattimestamp": formattimestamp,
    "timeadd": timeadd,
    "unixtimestampparse": unixtimestampparse,
}
