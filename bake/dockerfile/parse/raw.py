"""An instruction before its arguments are understood, and the ways to cut arguments (dockerfile.md §3, §5)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from bake.dockerfile.flags import FlagError, Kind, read_flags
from bake.dockerfile.instructions import Command, Heredoc
from bake.dockerfile.lines import Logical
from bake.errors import Diagnostic, InputError, Span

_BLANKS = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, slots=True)
class Raw:
    """`keyword` in upper case; `text` without flags, from `offset` of the logical line; `span` with heredocs."""

    keyword: str
    text: str
    offset: int
    flag_words: tuple[tuple[str, int], ...]
    heredocs: tuple[Heredoc, ...]
    heredoc_words: tuple[str, ...]
    span: Span
    escape: str
    logical: Logical

    def fail(
        self, message: str, *, code: str = "dockerfile-parse", hint: str | None = None, at: int | None = None
    ) -> InputError:
        """The error to raise, at the instruction or at offset `at` of the logical line."""
        span = self.span if at is None else self.logical.span(at)
        return InputError(Diagnostic(code, message, span, hint))

    def flags(self, known: Mapping[str, Kind]) -> dict[str, list[str]]:
        """Raises InputError for an unknown, repeated or malformed flag."""
        try:
            return read_flags(list(self.flag_words), known)
        except FlagError as error:
            raise self.fail(str(error), code="bad-flag", hint=error.hint, at=error.offset) from None

    def json(self) -> tuple[str, ...] | None:
        """The arguments as a JSON array of texts, None when they are none. Raises InputError for other elements."""
        if not self.text.startswith("["):
            return None
        try:
            value = json.loads(self.text, strict=True)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, list):
            return None
        if not all(isinstance(word, str) for word in value):
            raise self.fail(
                "when using JSON array syntax, arrays must be comprised of strings only", code="json-strings"
            )
        return tuple(value)

    def words(self) -> tuple[str, ...]:
        """A JSON array's elements, else the text cut at blanks before any quote is looked at."""
        found = self.json()
        return found if found is not None else tuple(w for w in _BLANKS.split(self.text) if w)

    def command(self) -> Command:
        """Exec or shell form."""
        words = self.json()
        return Command(words=words) if words is not None else Command(shell=self.text)

    def required(self) -> str:
        """The text, which must not be empty."""
        if not self.text:
            raise self.fail(f"{self.keyword} requires at least one argument", code="missing-argument")
        return self.text

    def single(self) -> str:
        """The whole text as one value."""
        if not self.text:
            raise self.fail(f"{self.keyword} requires exactly one argument", code="missing-argument")
        return self.text


def quoted_words(text: str, escape: str) -> list[str]:
    """Words cut at blanks outside of quotes; quotes and escapes stay in them (ENV, LABEL, ARG)."""
    words: list[str] = []
    word, quote, there = "", "", False
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if not quote and char.isspace():
            if word or there:
                words.append(word)
            word, there = "", False
            continue
        if char == escape and quote != "'":
            if at == len(text):
                break
            word += char + text[at]
            at += 1
            continue
        if quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote, there = char, True
        word += char
    return [*words, word] if word or there else words
