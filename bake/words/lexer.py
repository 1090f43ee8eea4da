"""One pass over one text: plain runs, quotes, escapes, `$name`; `${…}` is `substitution`'s (dockerfile.md §4.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Literal

Piece = tuple[str, bool]
"""A part of a word, and whether it is fixed: quoted or escaped, so that blanks in it split nothing."""

_NAME = re.compile(r"\d+|[@*#?\-$!]|\w+")
BOM = "\ufeff"
"""A mark at the very front is skipped, of each word, as BuildKit's scanner has it."""
_DEEPEST = 100
"""Of `${…}` in `${…}`; BuildKit knows no limit, Python's stack does."""


class WordError(ValueError):
    """A word that cannot be processed; the text is BuildKit's. `offset`: where in the word, in characters."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Style:
    """How a text is read. `quotes`: removed, kept as written, or ordinary characters."""

    escape: str = "\\"
    quotes: Literal["removed", "kept", "ordinary"] = "removed"
    keep_escapes: bool = False
    keep_unset: bool = False


HEREDOC = Style(quotes="ordinary")
RAW = Style(quotes="kept", keep_escapes=True, keep_unset=True)
NAME = Style(keep_unset=True)


@lru_cache(maxsize=4)
def shell(escape: str) -> Style:
    """A Dockerfile's words, with its escape character."""
    return Style(escape)


class Lexer:
    """Reads `source` once from the front. `used` and `unset` are the names looked up, in order."""

    def __init__(self, source: str, env: Mapping[str, str], style: Style) -> None:
        self.source = source
        self.style = style
        self.at = 1 if source.startswith(BOM) else 0
        self.used: dict[str, None] = {}
        self.unset: dict[str, None] = {}
        self._env = env
        self._keep_escapes = style.keep_escapes
        self._special = "$" + style.escape + ("" if style.quotes == "ordinary" else "'\"")
        self._muted = 0
        self._depth = 0

    def peek(self) -> str:
        """The next character, "" at the end."""
        return self.source[self.at : self.at + 1]

    def next(self) -> str:
        """The next character, which is passed."""
        char = self.source[self.at : self.at + 1]
        self.at += 1
        return char

    def text(self, stop: str = "") -> str:
        """All up to `stop`, which is passed, or the end. Raises WordError."""
        return "".join(text for text, _ in self.pieces(stop))

    def pieces(self, stop: str = "") -> list[Piece]:
        """As `text`, in parts."""
        found: list[Piece] = []
        plain = _run(self._special + stop)
        while self.at < len(self.source):
            if run := plain.match(self.source, self.at):
                self.at = run.end()
                found.append((run[0], False))
                continue
            char = self.source[self.at]
            if char == stop:
                self.at += 1
                return found
            found.append(self._piece(char))
        if stop:
            raise WordError(f"unexpected end of statement while looking for matching {stop}", self.at)
        return found

    def word(
        self, stop: str, start: int, *, skip: bool = False, raw: bool = False, missing: str = "missing '}'"
    ) -> str:
        """The word of the form that began at `start`.

        `skip`: pass over it without a look-up; `raw`: leave escapes to the pattern step.
        """
        kept = self._keep_escapes
        self._keep_escapes = raw or self.style.keep_escapes
        self._muted += skip
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise WordError("substitutions are nested too deeply", start)
            return self.text(stop)
        except WordError:
            if self.at >= len(self.source):
                raise WordError(f"syntax error: {missing}", start) from None
            raise
        finally:
            self._keep_escapes = kept
            self._muted -= skip
            self._depth -= 1

    @property
    def muted(self) -> bool:
        """Inside a word that its form does not come to."""
        return self._muted > 0

    def name(self) -> str:
        """Digits, one special character, or letters, digits and underscores; "" for anything else."""
        found = _NAME.match(self.source, self.at)
        if found is None:
            return ""
        name = found[0] if found[0].isascii() else "".join(takewhile(_in_name, found[0])) or found[0]
        self.at += len(name)
        return name

    def value(self, name: str) -> str | None:
        """None for one that is unset, or not wanted here."""
        if self._muted:
            return None
        self.used[name] = None
        value = self._env.get(name)
        if value is None:
            self.unset[name] = None
        return value

    def _piece(self, char: str) -> Piece:
        if char == "$":
            return self._dollar(), False
        if char == "'" and self.style.quotes != "ordinary":
            return self._single(), True
        if char == '"' and self.style.quotes != "ordinary":
            return self._double(), True
        mark, escaped = self.next(), self.next()
        return (mark + escaped if self._keep_escapes else escaped), True

    def _single(self) -> str:
        start = self.at
        end = self.source.find("'", start + 1)
        if end < 0:
            self.at = len(self.source)
            raise WordError("unexpected end of statement while looking for matching single-quote", start)
        self.at = end + 1
        return self.source[start : end + 1] if self.style.quotes == "kept" else self.source[start + 1 : end]

    def _double(self) -> str:
        start = self.at
        found = [self.next()]
        plain = _run('"$' + self.style.escape)
        while char := self.peek():
            if run := plain.match(self.source, self.at):
                self.at = run.end()
                found.append(run[0])
            elif char == '"':
                found.append(self.next())
                return "".join(found if self.style.quotes == "kept" else found[1:-1])
            elif char == "$":
                found.append(self._dollar())
            else:
                found.append(self._escape_in_quotes())
        raise WordError("unexpected end of statement while looking for matching double-quote", start)

    def _escape_in_quotes(self) -> str:
        """The escape character removes itself only before `"`, `$` and itself."""
        mark, char = self.next(), self.peek()
        if not char or char not in ('"', "$", self.style.escape):
            return mark * 2 if self._keep_escapes and char else mark
        self.at += 1
        return mark + char if self._keep_escapes else char

    def _dollar(self) -> str:
        from bake.words.substitution import substitute

        start = self.at
        self.at += 1
        if self.peek() == "{":
            return substitute(self)
        name = self.name()
        if not name:
            return "$"
        value = self.value(name)
        return self.source[start : self.at] if value is None and self.style.keep_unset else value or ""


def _in_name(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char == "_"


@lru_cache(maxsize=64)
def _run(special: str) -> re.Pattern[str]:
    return re.compile(f"[^{re.escape(special)}]+")
