"""Texts with `${…}`: found, cut and put together again here; what a form such as `:-` or `%%` does is `bake.words`'.

Outside of `${…}` a text stands for itself: no quotes, no backslashes, and `$name` is four letters. `$${` is a literal
`${`. Inside, the form is that of a Dockerfile word, over names that may have dots, and may end in filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from bake.spec.filters import FILTERS
from bake.spec.redact import redact
from bake.spec.report import did_you_mean

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_FILTER = re.compile(r"\s*\|\s*([A-Za-z0-9_-]*)")
_DEPTH_LIMIT = 20
_LENGTH_LIMIT = 4 * 1024 * 1024
"""Characters. Variables that hold each other several times grow without end."""


class TemplateError(ValueError):
    """A `${…}` that cannot be read or evaluated. `part` is the piece of the text that is to blame."""

    def __init__(self, message: str, part: str, hint: str | None = None, code: str = "bad-substitution") -> None:
        super().__init__(message)
        self.message, self.part, self.hint, self.code = message, part, hint, code


@dataclass(frozen=True, slots=True)
class Value:
    """What a name stands for. `text` None: known, but without a value. `secrets`: sensitive texts that it shows."""

    text: str | None
    secrets: frozenset[str] = frozenset()


Lookup = Callable[[str, str, bool], Value]
"""`(name, part, plain)` → value. `part`: the text of the `${…}`; `plain`: no form says what to do without a value."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One `${name form | filter}`. In `form`, inner expressions are written `${_0}`, `${_1}`, … by their index."""

    text: str
    name: str
    form: str
    inner: tuple[Expression, ...] = ()
    filters: tuple[str, ...] = ()

    def evaluate(self, lookup: Lookup) -> Value:
        """Raises TemplateError, and what `lookup` raises."""
        found = lookup(self.name, self.text, not self.form)
        text, secrets = found.text or "", found.secrets
        if self.form:
            scope = _Scope(self, found, lookup)
            text = _substitute(self, scope)
            secrets = scope.secrets
        for name in self.filters:
            try:
                text = FILTERS[name](text)
            except ValueError as error:
                raise TemplateError(redact(str(error), secrets), self.text, code="bad-filter-input") from None
        if secrets and (self.form or self.filters) and text:
            secrets = secrets | {text}
        return Value(text, secrets)


@dataclass(frozen=True, slots=True)
class Template:
    """A text in pieces."""

    pieces: tuple[str | Expression, ...]

    def expand(self, lookup: Lookup) -> Value:
        """The text with every expression replaced. Raises TemplateError, and what `lookup` raises."""
        texts: list[str] = []
        secrets: frozenset[str] = frozenset()
        length = 0
        for piece in self.pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            value = piece.evaluate(lookup)
            texts.append(value.text or "")
            length += len(texts[-1])
            if length > _LENGTH_LIMIT:
                raise TemplateError(f"it stands for more than {_LENGTH_LIMIT} characters", piece.text)
            if value.secrets:
                secrets |= value.secrets
        return Value("".join(texts), secrets)

    def expressions(self) -> Iterator[Expression]:
        """All expressions, inner ones included."""
        todo = [piece for piece in self.pieces if isinstance(piece, Expression)]
        while todo:
            expression = todo.pop()
            yield expression
            todo += expression.inner


class _Scope(Mapping[str, str]):
    """What `bake.words` sees: names are looked up, and inner expressions evaluated, only when a form comes to them."""

    def __init__(self, expression: Expression, own: Value, lookup: Lookup) -> None:
        self._expression, self._own, self._lookup = expression, own, lookup
        self.secrets = own.secrets

    def __getitem__(self, name: str) -> str:
        if name == "_":
            value = self._own
        elif name[0] == "_" and name[1:].isdecimal():
            value = self._expression.inner[int(name[1:])].evaluate(self._lookup)
        else:
            value = self._lookup(name, self._expression.text, False)
        self.secrets |= value.secrets
        if value.text is None:
            raise KeyError(name)
        if self._expression.form.startswith("//") and len(value.text) * len(self._own.text or "") > 16 * _LENGTH_LIMIT:
            raise TemplateError(f"it stands for more than {_LENGTH_LIMIT} characters", self._expression.text)
        return value.text

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _substitute(expression: Expression, scope: _Scope) -> str:
    from bake.words import WordError, expand

    try:
        return expand("${_" + expression.form + "}", scope).text
    except WordError as error:
        message = redact(re.sub(r"^_(?=: )", expression.name, str(error)), scope.secrets)
        raise TemplateError(message, expression.text) from None


@lru_cache(maxsize=16384)
def parse_template(text: str) -> Template:
    """The pieces of a text. Raises TemplateError."""
    pieces: list[str | Expression] = []
    literal: list[str] = []
    at = 0
    while True:
        start = text.find("${", at)
        if start < 0:
            break
        if start > 0 and text[start - 1] == "$" and start - 1 >= at:
            literal.append(text[at : start - 1] + "${")
            at = start + 2
            continue
        literal.append(text[at:start])
        reader = _Reader(text, start + 2)
        expression = reader.expression(start, 0)
        if any(literal):
            pieces.append("".join(literal))
        literal = []
        pieces.append(expression)
        at = reader.at
    literal.append(text[at:])
    if any(literal):
        pieces.append("".join(literal))
    return Template(tuple(pieces))


@dataclass(slots=True)
class _Reader:
    """Reads one `${…}` from behind its `${`."""

    text: str
    at: int
    inner: list[Expression] = field(default_factory=list)

    def expression(self, start: int, depth: int) -> Expression:
        if depth > _DEPTH_LIMIT:
            raise TemplateError("`${…}` is nested too deeply", "${")
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise TemplateError("a name must follow `${`", self.text[start : start + 3], "`$${` is a literal `${`")
        self.at = match.end()
        form = self._form(depth)
        filters = self._filters(start)
        if self.text[self.at : self.at + 1] != "}":
            raise TemplateError("`${` is not closed", self.text[start:], "`$${` is a literal `${`")
        self.at += 1
        return Expression(self.text[start : self.at], match.group(), form, tuple(self.inner), filters)

    def _form(self, depth: int) -> str:
        """The operator and its word, up to the closing brace or the first bare `|`, with inner expressions numbered."""
        found: list[str] = []
        quote = ""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and quote != "'":
                pair = self.text[self.at : self.at + 2]
                found.append(pair if pair != "\\|" else "|")
                self.at += 2
                continue
            if char == "$" and quote != "'" and self.text.startswith("${", self.at):
                found.append(self._nested(depth))
                continue
            if not quote and char in "}|":
                break
            if char in "\"'" and quote in ("", char):
                quote = "" if quote else char
            found.append(char)
            self.at += 1
        form = "".join(found)
        if self.text[self.at : self.at + 1] == "|":
            form = form.rstrip()
        return form

    def _nested(self, depth: int) -> str:
        reader = _Reader(self.text, self.at + 2)
        self.inner.append(reader.expression(self.at, depth + 1))
        self.at = reader.at
        return f"${{_{len(self.inner) - 1}}}"

    def _filters(self, start: int) -> tuple[str, ...]:
        names: list[str] = []
        while match := _FILTER.match(self.text, self.at):
            name = match.group(1)
            if name not in FILTERS:
                hint = did_you_mean(name, tuple(FILTERS))
                part = match.group().strip() if name else self.text[start : match.end()]
                raise TemplateError(f"filter `{name}` is not known", part, hint, code="unknown-filter")
            names.append(name)
            self.at = match.end()
        blanks = re.compile(r"\s*").match(self.text, self.at)
        if names and blanks is not None:
            self.at = blanks.end()
        return tuple(names)
