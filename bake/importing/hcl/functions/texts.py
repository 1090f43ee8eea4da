"""Functions on texts."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import json
import posixpath
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from bake.importing.hcl.convert import Mismatch, Value, number_text, to_list, to_number, to_text

_LENGTH_LIMIT = 1024 * 1024
_VERB = re.compile(r"%(?:%|([+# 0-]*)(\d*)(?:\.(\d+))?([vsdqtfx]))")


def limited(text: str) -> str:
    """Raises Mismatch for a text that has grown beyond sense."""
    if len(text) > _LENGTH_LIMIT:
        raise Mismatch(f"the result has more than {_LENGTH_LIMIT} characters")
    return text


def replace(text: Value, old: Value, new: Value) -> str:
    """All places, literally."""
    found, wanted = to_text(text), to_text(new)
    if len(found) * (len(wanted) + 1) > _LENGTH_LIMIT:
        raise Mismatch("the result would be too long")
    return found.replace(to_text(old), wanted)


def join(separator: Value, *lists: Value) -> str:
    """The elements of all lists, as one text."""
    return limited(to_text(separator).join(to_text(each) for found in lists for each in to_list(found)))


def split(separator: Value, text: Value) -> list[str]:
    """At each separator; by character when it is empty."""
    mark, found = to_text(separator), to_text(text)
    return list(found) if not mark else found.split(mark)


def form(pattern: Value, *values: Value) -> str:
    """`format` with the verbs %v %s %d %q %t %f %x."""
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if verb is None:
            return "%"
        if not left:
            raise Mismatch("`format` has fewer values than verbs")
        if width and int(width) > 1000:
            raise Mismatch("the width is too large")
        text = _verb(verb, left.pop(0), min(int(precision or 6), 100))
        if not width:
            return text
        return text.ljust(int(width)) if "-" in flags else text.rjust(int(width), "0" if "0" in flags else " ")

    text = _VERB.sub(one, to_text(pattern))
    if left:
        raise Mismatch("`format` has more values than verbs")
    return limited(text)


def _verb(verb: str, value: Value, precision: int) -> str:
    if verb == "d":
        return str(int(to_number(value)))
    if verb == "f":
        return f"{to_number(value):.{precision}f}"
    if verb == "x":
        return f"{int(to_number(value)):x}" if isinstance(value, int | float) else to_text(value).encode().hex()
    if verb == "q":
        return json.dumps(to_text(value), ensure_ascii=False)
    if verb == "v" and isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "null" if value is None else to_text(value)


def formatlist(pattern: Value, *values: Value) -> list[str]:
    """`format` for each element of the lists among the values."""
    count = max((len(each) for each in values if isinstance(each, list)), default=1)
    if any(len(each) != count for each in values if isinstance(each, list)):
        raise Mismatch("the lists of `formatlist` have different lengths")
    return [form(pattern, *(each[at] if isinstance(each, list) else each for each in values)) for at in range(count)]


def substr(text: Value, start: Value, length: Value) -> str:
    """Characters from `start` (negative: from the end); length -1 takes the rest."""
    found, first, count = to_text(text), int(to_number(start)), int(to_number(length))
    first = max(len(found) + first, 0) if first < 0 else first
    return found[first:] if count < 0 else found[first : first + count]


def indent(count: Value, text: Value) -> str:
    """All lines but the first."""
    return limited(to_text(text).replace("\n", "\n" + " " * min(int(to_number(count)), 1000)))


def _decode(text: Value) -> str:
    try:
        return base64.b64decode(to_text(text), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Mismatch("this is no text in base64") from None


def _json(text: Value) -> Value:
    try:
        return json.loads(to_text(text))
    except (ValueError, RecursionError):
        raise Mismatch("this is no JSON") from None


def _rows(text: Value) -> list[Value]:
    """Each line as an object; the first line names the keys."""
    try:
        rows = list(csv.reader(to_text(text).splitlines(), strict=True))
    except csv.Error as error:
        raise Mismatch(f"this is no CSV: {error}") from None
    if not rows or any(len(row) != len(rows[0]) for row in rows) or len(set(rows[0])) < len(rows[0]):
        raise Mismatch("CSV needs a first line with names, and as many fields in each other line")
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def _bytes(text: Value, start: Value, length: Value) -> str:
    data, first, count = to_text(text).encode(), int(to_number(start)), int(to_number(length))
    if not 0 <= first <= len(data) or not 0 <= count <= len(data) - first:
        raise Mismatch(f"a text of {len(data)} bytes has no such part")
    return data[first : first + count].decode(errors="replace")


def _title(text: Value) -> str:
    return re.sub(r"\b[a-z]", lambda match: match.group().upper(), to_text(text))


def _digest(name: str) -> Callable[[Value], str]:
    return lambda text: hashlib.new(name, to_text(text).encode()).hexdigest()


def _encode(value: Value) -> str:
    def plain(each: Value) -> Value:
        return json.loads(number_text(each)) if isinstance(each, float) else each

    return json.dumps(plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _uuid5(space: Value, name: Value) -> str:
    """Of a name in one of the known spaces, or in the space of another UUID."""
    given = to_text(space)
    try:
        known = getattr(uuid, f"NAMESPACE_{given.upper()}", None) if given.isalnum() else None
        return str(uuid.uuid5(known or uuid.UUID(given), to_text(name)))
    except ValueError:
        raise Mismatch(f"'{given}' is no space of names: use dns, url, oid, x500 or a UUID") from None


TEXTS: Mapping[str, Callable[..., Any]] = {
    "uuidv5": _uuid5,
    "lower": lambda text: to_text(text).lower(),
    "upper": lambda text: to_text(text).upper(),
    "title": _title,
    "replace": replace,
    "join": join,
    "split": split,
    "format": form,
    "formatlist": formatlist,
    "substr": substr,
    "indent": indent,
    "strlen": lambda text: len(to_text(text)),
    "byteslen": lambda text: len(to_text(text).encode()),
    "chomp": lambda text: to_text(text).rstrip("\r\n"),
    "trim": lambda text, chars: to_text(text).strip(to_text(chars)),
    "trimspace": lambda text: to_text(text).strip(),
    "trimprefix": lambda text, prefix: to_text(text).removeprefix(to_text(prefix)),
    "trimsuffix": lambda text, suffix: to_text(text).removesuffix(to_text(suffix)),
    "sanitize": lambda text: re.sub(r"[^a-zA-Z0-9_-]", "_", to_text(text)),
    "basename": lambda text: posixpath.basename(to_text(text)),
    "dirname": lambda text: posixpath.dirname(to_text(text)) or ".",
    "urlencode": lambda text: quote_plus(to_text(text)),
    "base64encode": lambda text: base64.b64encode(to_text(text).encode()).decode(),
    "base64decode": _decode,
    "jsonencode": _encode,
    "jsondecode": _json,
    "csvdecode": _rows,
    "bytesslice": _bytes,
    **{name: _digest(name) for name in ("md5", "sha1", "sha256", "sha512")},
}
