"""Shell words: quotes, escapes and `${…}` exactly as BuildKit's lexer has them (reference/dockerfile.md §4).

Both languages stand on this one evaluator: words of a Dockerfile, and what stands inside `${…}` in bake.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bake.words.pattern import PatternError, replace, trim_prefix, trim_suffix

_SPECIAL = frozenset("@*#?-$!0")


class WordError(ValueError):
    """A word that cannot be processed; the text is BuildKit's."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """One word, and the names that were looked up for it, in order; `unset` are those without a value."""

    text: str
    used: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpandedWords:
    """As `Expanded`, split where unquoted blanks are, also those that come out of variables."""

    words: tuple[str, ...]
    used: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


def expand(text: str, env: Mapping[str, str], *, escape: str = "\\") -> Expanded:
    """`text` as one word: variables replaced, quotes and escapes removed. Raises WordError."""
    if "$" not in text and "'" not in text and '"' not in text and escape not in text:
        return Expanded(text)
    lexer = _Lexer(text, env, escape)
    found = lexer.word(None)
    return Expanded(found, tuple(lexer.used), tuple(lexer.unset))


def expand_words(text: str, env: Mapping[str, str], *, escape: str = "\\") -> ExpandedWords:
    """`text` as words (EXPOSE). A quoted empty word yields none. Raises WordError."""
    lexer = _Lexer(text, env, escape)
    lexer.word(None)
    return ExpandedWords(tuple(lexer.words.all()), tuple(lexer.used), tuple(lexer.unset))


def expand_heredoc(text: str, env: Mapping[str, str]) -> Expanded:
    """The body of a heredoc: variables replaced and `\\x` made `x`, quotes left alone (§2). Raises WordError."""
    lexer = _Lexer(text, env, "\\", quotes=False)
    found = lexer.word(None)
    return Expanded(found, tuple(lexer.used), tuple(lexer.unset))


def split_raw(text: str) -> list[str]:
    """Words with their quotes, escapes and `$` left as they are (heredoc words, §2). Raises WordError."""
    lexer = _Lexer(text, {}, "\\", raw=True)
    lexer.word(None)
    return lexer.words.all()


class _Words:
    """Splits what is fed to it at blanks that were neither quoted nor escaped."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._word = ""

    def loose(self, text: str) -> None:
        for char in text:
            if not char.isspace():
                self._word += char
            elif self._word:
                self._done.append(self._word)
                self._word = ""

    def fixed(self, text: str) -> None:
        self._word += text

    def all(self) -> list[str]:
        return [*self._done, *([self._word] if self._word else [])]


class _Lexer:
    """One pass over one text. `raw`: keep quotes, escapes and unset variables as written."""

    def __init__(
        self, text: str, env: Mapping[str, str], escape: str, *, quotes: bool = True, raw: bool = False
    ) -> None:
        self.text = text
        self.at = 0
        self.env = env
        self.escape = escape
        self.quotes = quotes
        self.raw = raw
        self.raw_escapes = raw
        self.words = _Words()
        self.used: dict[str, None] = {}
        self.unset: dict[str, None] = {}
        self._muted = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        return char

    def word(self, stop: str | None, words: _Words | None = None) -> str:
        """Up to `stop`, which is consumed, or the end."""
        words = self.words if stop is None else words or _Words()
        out: list[str] = []
        while char := self.peek():
            if char == stop:
                self.at += 1
                return "".join(out)
            if char == "$":
                piece = self._dollar()
                words.loose(piece)
            elif self.quotes and char in "'\"":
                piece = self._single() if char == "'" else self._double()
                words.fixed(piece)
            elif char == self.escape:
                piece = self._escaped()
                words.fixed(piece)
            else:
                piece = self.next()
                words.loose(piece)
            out.append(piece)
        if stop is not None:
            raise WordError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(out)

    def _escaped(self) -> str:
        mark, char = self.next(), self.next()
        return mark + char if self.raw_escapes else char

    def _single(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise WordError("unexpected end of statement while looking for matching single-quote")
        inside = self.text[self.at + 1 : end]
        self.at = end + 1
        return f"'{inside}'" if self.raw else inside

    def _double(self) -> str:
        out = [self.next()] if self.raw else [self.next()][:0]
        while char := self.peek():
            if char == '"':
                self.at += 1
                return "".join([*out, '"'] if self.raw else out)
            if char == "$":
                out.append(self._dollar())
            elif char == self.escape:
                out.append(self._escaped_in_quotes())
            else:
                out.append(self.next())
        raise WordError("unexpected end of statement while looking for matching double-quote")

    def _escaped_in_quotes(self) -> str:
        mark, char = self.next(), self.peek()
        if not char:
            raise WordError("unexpected end of statement while looking for matching double-quote")
        if char not in ('"', "$", self.escape):
            return mark
        self.at += 1
        return mark + char if self.raw_escapes else char

    # Variables

    def _dollar(self) -> str:
        start = self.at
        self.at += 1
        if self.peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            return self.text[start : self.at] if value is None and self.raw else value or ""
        self.at += 1
        if not self.peek():
            raise WordError("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise WordError("syntax error: bad substitution")
        found = self._substitution(self._name())
        return self.text[start : self.at] if self.raw else found

    def _name(self) -> str:
        start = self.at
        char = self.peek()
        if char.isdigit():
            while self.peek().isdigit():
                self.at += 1
        elif char and char in _SPECIAL:
            self.at += 1
        else:
            while (char := self.peek()) and (char.isalpha() or char.isdigit() or char == "_"):
                self.at += 1
        return self.text[start : self.at]

    def _value(self, name: str) -> str | None:
        if self._muted:
            return None
        self.used[name] = None
        value = self.env.get(name)
        if value is None:
            self.unset[name] = None
        return value

    def _substitution(self, name: str) -> str:
        """What follows the name in `${name…}`, and its value."""
        form = self.next()
        if form == "}":
            return self._value(name) or ""
        if form == "/":
            return self._replaced(name)
        strict = form == ":"
        if strict:
            form = self.next()
        shown = ":" * strict + form
        if not form:
            raise WordError("syntax error: missing '}'")
        if form in "#%" and not strict:
            return self._trimmed(name, form)
        if form not in "-+?":
            raise WordError(f"unsupported modifier ({shown}) in substitution")
        value = self._value(name)
        there = value is not None and not (strict and value == "")
        word = self._until("}", skip=there if form in "-?" else not there)
        if form == "+":
            return word if there else ""
        if there:
            return value or ""
        if form == "?" and not self._muted:
            empty = "empty" if strict and value is not None else "unset"
            raise WordError(f"{name}: {word}" if word else f"{name}: is not allowed to be {empty}")
        return word

    def _until(self, stop: str, *, skip: bool = False, missing: str = "missing '}'", raw: bool = False) -> str:
        """The word of a form. One that is not used is passed over without a look-up."""
        kept, self.raw_escapes = self.raw_escapes, raw or self.raw
        self._muted += skip
        try:
            return self.word(stop)
        except WordError:
            if not self.peek():
                raise WordError(f"syntax error: {missing}") from None
            raise
        finally:
            self._muted -= skip
            self.raw_escapes = kept

    def _trimmed(self, name: str, form: str) -> str:
        pattern = self._until("}", raw=True)
        value = self._value(name) or ""
        greedy = pattern.startswith(form)
        trim = trim_prefix if form == "#" else trim_suffix
        try:
            return trim(pattern[1:] if greedy else pattern, value, greedy)
        except PatternError as error:
            raise WordError(str(error)) from None

    def _replaced(self, name: str) -> str:
        every = self.peek() == "/"
        self.at += every
        pattern = self._until("/", missing="missing '/' in ${}", raw=True)
        replacement = self._until("}", raw=True)
        try:
            return replace(pattern, replacement, self._value(name) or "", every)
        except PatternError as error:
            raise WordError(str(error)) from None
