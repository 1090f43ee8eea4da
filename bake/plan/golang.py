"""Texts that Go's `fmt` writes into an image's history, so that ours read the same (reference/dockerfile.md §10.1)."""

from __future__ import annotations

from collections.abc import Sequence

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def quote(text: str) -> str:
    """Go's `%q` of a string."""
    return '"' + "".join(_quoted(char) for char in text) + '"'


def quoted_rune(code: int) -> str:
    """Go's `%q` of a number, which it takes for a character: `'\\x04'`."""
    char = chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
    return "'" + {"'": "\\'", '"': '"'}.get(char, _quoted(char)) + "'"


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted_list(words: Sequence[str]) -> str:
    """Go's `%q` of a string slice: `["a" "b c"]`."""
    return "[" + " ".join(map(quote, words)) + "]"


def plain_list(words: Sequence[str]) -> str:
    """Go's `%v` of a string slice: `[a b c]`."""
    return "[" + " ".join(words) + "]"


def duration(nanoseconds: int) -> str:
    """Go's `time.Duration.String`: `1m30s`, `0s`, `1.5ms`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if nanoseconds >= size:
                return _decimal(nanoseconds, size) + unit
    minutes, rest = divmod(nanoseconds, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, 1_000_000_000) + "s"
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + seconds


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    fraction = f"{rest:0{len(str(size)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)
