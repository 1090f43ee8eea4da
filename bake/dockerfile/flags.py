"""Flags between keyword and arguments (reference/dockerfile.md §1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bake.errors import nearest

Kind = Literal["text", "bool", "list"]


class FlagError(ValueError):
    """A flag that is wrong; `flag` is its word."""

    def __init__(self, message: str, flag: Flag, hint: str | None = None) -> None:
        super().__init__(message)
        self.flag = flag
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Flag:
    """A word that starts with `--`, or later its value, quotes and escapes removed; `start` and `end`: its place."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of one instruction, checked. A text flag that was given as `--f=` counts as absent."""

    found: Mapping[str, Sequence[Flag]]

    def text(self, name: str) -> str | None:
        return next((flag.text for flag in self.all(name) if flag.text), None)

    def bool(self, name: str) -> bool | None:
        text = self.text(name)
        return None if text is None else text == "true"

    def all(self, name: str) -> Sequence[Flag]:
        """The values of a list flag, in order, each placed at its whole word."""
        return self.found.get(name, ())


def take_flags(text: str, start: int, escape: str) -> tuple[tuple[Flag, ...], int]:
    """The words from offset `start` on that begin with `--`, and where the rest begins."""
    found: list[Flag] = []
    at = start
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith("--", at):
            return tuple(found), at
        word, end = _word(text, at, escape)
        if word == "--":
            return tuple(found), end
        found.append(Flag(word, at, end))
        at = end


def _word(text: str, at: int, escape: str) -> tuple[str, int]:
    """A word without its quotes and escapes, and where it ends."""
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if char == escape:
            out.append(text[at + 1 : at + 2])
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif not quote and char.isspace():
            break
        else:
            out.append(char)
        at += 1
    return "".join(out), min(at, len(text))


def read_flags(words: Sequence[Flag], known: Mapping[str, Kind]) -> Flags:
    """The values of all flags; those of bools are `true` or `false`. Raises FlagError."""
    found: dict[str, list[Flag]] = {}
    for word in words:
        name, equals, value = word.text[2:].partition("=")
        kind = known.get(name)
        if kind is None:
            near = nearest(name, list(known))
            raise FlagError(f"unknown flag: --{name}", word, f"did you mean --{near}?" if near else _possible(known))
        if name in found and kind != "list":
            raise FlagError(f"duplicate flag specified: --{name}", word)
        if kind == "bool":
            value = _bool(word, name, equals, value)
        elif not equals:
            raise FlagError(f"missing a value on flag: --{name}", word, f"--{name}=VALUE")
        found.setdefault(name, []).append(Flag(value, word.start, word.end))
    return Flags(found)


def _bool(word: Flag, name: str, equals: str, value: str) -> str:
    if equals and not value:
        raise FlagError(f"missing a value on flag: --{name}", word, "true or false")
    if value.lower() not in ("", "true", "false"):
        raise FlagError(f"expecting boolean value for flag --{name}, not: {value}", word, "true or false")
    return value.lower() or "true"


def _possible(known: Mapping[str, Kind]) -> str:
    """BuildKit would run `RUN --x` as a flag too, so the way out is worth a word."""
    flags = ", ".join(f"--{name}" for name in known)
    return f"flags here: {flags}" if flags else "no flags here; `--` ends flags, if this begins the arguments"
