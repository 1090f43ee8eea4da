"""An instruction before its arguments are understood, and the ways to cut arguments (dockerfile.md §3, §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bake.dockerfile.flags import Flag, FlagError, Flags, Kind, read_flags
from bake.dockerfile.forms import FORMS
from bake.dockerfile.instructions import Command, Heredoc
from bake.dockerfile.jsonform import NotStrings, read_json
from bake.dockerfile.lines import Logical
from bake.errors import Diagnostic, InputError, Span

BLANKS = re.compile(r"[\t\v\f\r ]+")


@dataclass(frozen=True, slots=True)
class Raw:
    """`word` is the keyword as written, at `start` of the logical line; `text` what follows the flags, at `offset`.

    `span` runs from the keyword to the end of the last line, heredocs included.
    """

    keyword: str
    word: str
    start: int
    text: str
    offset: int
    flag_words: tuple[Flag, ...]
    span: Span
    escape: str
    logical: Logical
    heredocs: tuple[Heredoc, ...] = ()
    heredoc_words: tuple[str, ...] = ()

    def fail(self, code: str, message: str, hint: str | None = None, span: Span | None = None) -> InputError:
        """The error to raise, at the instruction unless `span` says better."""
        return InputError(Diagnostic(code, message, span or self.span, hint))

    @property
    def word_span(self) -> Span:
        return self.logical.span(self.start, self.start + len(self.word))

    def at(self, word: str) -> Span:
        """The place of the first `word` in the arguments, else of all arguments."""
        return self._place(self.text.find(word), word)

    def last(self, word: str) -> Span:
        """The place of the last `word` in the arguments, else of all arguments."""
        return self._place(self.text.rfind(word), word)

    def _place(self, start: int, word: str) -> Span:
        start, length = (start, len(word)) if start >= 0 else (0, len(self.text))
        return self.logical.span(self.offset + start, self.offset + start + max(length, 1))

    def flag_span(self, flag: Flag) -> Span:
        return self.logical.span(flag.start, flag.end)

    def flags(self, known: Mapping[str, Kind]) -> Flags:
        """Raises InputError for an unknown, repeated or malformed flag, at that flag."""
        try:
            return read_flags(self.flag_words, known)
        except FlagError as error:
            raise self.fail("bad-flag", str(error), error.hint, self.flag_span(error.flag)) from None

    def json(self) -> tuple[str, ...] | None:
        """The arguments as a JSON array of strings, None when they are none. Raises InputError for other elements."""
        try:
            return read_json(self.text)
        except NotStrings as error:
            raise self.fail("json-strings", str(error), 'write numbers as strings: "1"', self.at("[")) from None

    def blank_words(self) -> tuple[str, ...]:
        """The text cut at blanks before any quote is looked at."""
        return tuple(word for word in BLANKS.split(self.text) if word)

    def words(self) -> tuple[str, ...]:
        """A JSON array's elements, else `blank_words`."""
        found = self.json()
        return self.blank_words() if found is None else found

    def command(self) -> Command:
        """Exec or shell form."""
        words = self.json()
        return Command(shell=self.text) if words is None else Command(words=words)

    def required(self) -> str:
        """The text, which must not be empty."""
        if not self.text:
            raise self.none()
        return self.text

    def none(self) -> InputError:
        return self.fail("missing-argument", f"{self.keyword} requires at least one argument", FORMS.get(self.keyword))

    def single(self) -> str:
        """The whole text as one value."""
        if not self.text:
            message = f"{self.keyword} requires exactly one argument"
            raise self.fail("missing-argument", message, FORMS.get(self.keyword))
        return self.text

    def quoted_words(self) -> list[str]:
        """Words cut at blanks outside of quotes; quotes and escapes stay in them (ENV, LABEL, ARG). At least one."""
        words = quoted_words(self.text, self.escape)
        if not words:
            raise self.none()
        return words


def quoted_words(text: str, escape: str) -> list[str]:
    """An escape character at the very end is dropped, as BuildKit drops it."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if not quote and char.isspace():
            words.append("".join(word))
            word = []
        elif char == escape and quote != "'":
            if at < len(text):
                word.append(char + text[at])
            at += 1
        else:
            if char in "'\"" and quote in ("", char):
                quote = "" if quote else char
            word.append(char)
    return [word for word in [*words, "".join(word)] if word]
