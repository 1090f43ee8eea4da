"""Flags between keyword and arguments (reference/dockerfile.md §1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bake.errors import nearest

Kind = Literal["text", "bool", "list"]


class FlagError(ValueError):
    """A flag that is wrong; `offset` is where its word starts."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


def take_flags(text: str, escape: str) -> tuple[list[tuple[str, int]], int]:
    """The leading words that start with `--`, each with its offset, quotes removed; and where the rest starts."""
    found: list[tuple[str, int]] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith("--", at):
            return found, at
        start, word, at = at, *_word(text, at, escape)
        if word == "--":
            return found, at
        found.append((word, start))


def _word(text: str, at: int, escape: str) -> tuple[str, int]:
    out, quote = "", ""
    while at < len(text):
        char = text[at]
        if char == escape and at + 1 < len(text):
            out += text[at + 1]
            at += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                out += char
        elif char in "'\"":
            quote = char
        elif char.isspace():
            break
        else:
            out += char
        at += 1
    return out, at


def read_flags(words: list[tuple[str, int]], known: Mapping[str, Kind]) -> dict[str, list[str]]:
    """Flag → its values in order; bools as `true` or `false`. Raises FlagError."""
    found: dict[str, list[str]] = {}
    for word, offset in words:
        name, equals, value = word[2:].partition("=")
        if name not in known:
            near = nearest(name, list(known))
            raise FlagError(f"unknown flag: --{name}", offset, f"did you mean --{near}?" if near else None)
        kind = known[name]
        if name in found and kind != "list":
            raise FlagError(f"duplicate flag specified: --{name}", offset)
        if (equals and not value) or (not equals and kind != "bool"):
            raise FlagError(f"missing a value on flag: --{name}", offset)
        if kind == "bool":
            value = (value or "true").lower()
            if value not in ("true", "false"):
                raise FlagError(f"expecting boolean value for flag --{name}, not: {value}", offset)
        found.setdefault(name, []).append(value)
    return found
