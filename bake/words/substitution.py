"""The forms of `${name…}`: defaults, alternatives, demands, trimming and replacing (dockerfile.md §4.3)."""

from __future__ import annotations

from bake.words.lexer import Lexer, WordError
from bake.words.pattern import PatternError, replace, trim_prefix, trim_suffix


def substitute(lexer: Lexer) -> str:
    """The value of the `${…}` whose `{` comes next; the lexer stands behind its `}` then. Raises WordError."""
    start = lexer.at - 1
    lexer.next()
    if not lexer.peek():
        raise WordError("syntax error: missing '}'", start)
    if lexer.peek() in "{}:":
        raise WordError("syntax error: bad substitution", start)
    name = lexer.name()
    form = lexer.next()
    try:
        found = _plain(lexer, name) if form == "}" else _formed(lexer, name, form, start)
    except PatternError as error:
        raise WordError(str(error), start) from None
    return lexer.source[start : lexer.at] if found is None else found


def _plain(lexer: Lexer, name: str) -> str | None:
    """None: leave it as written."""
    value = lexer.value(name)
    return None if value is None and lexer.style.keep_unset else value or ""


def _formed(lexer: Lexer, name: str, form: str, start: int) -> str | None:
    strict = form == ":"
    operator = lexer.next() if strict else form
    if not operator:
        raise WordError("syntax error: missing '}'", start)
    if operator == "/" and not strict:
        return _replaced(lexer, name, start)
    if operator in "#%" and not strict:
        return _trimmed(lexer, name, operator, start)
    if operator not in "-+?" and not strict:
        raise WordError(f"unsupported modifier ({form}) in substitution", start)
    value = lexer.value(name)
    there = value is not None and not (strict and not value)
    word = lexer.word("}", start, skip=there if operator in "-?" else not there)
    if value is None and lexer.style.keep_unset:
        return None
    if operator not in "-+?":
        raise WordError(f"unsupported modifier (:{operator}) in substitution", start)
    if operator == "+":
        return word if there else ""
    if there:
        return value
    if operator == "?" and not lexer.muted:
        missing = "unset" if value is None else "empty"
        raise WordError(f"{name}: {word or f'is not allowed to be {missing}'}", start)
    return word


def _trimmed(lexer: Lexer, name: str, operator: str, start: int) -> str | None:
    pattern = lexer.word("}", start, raw=True)
    value = lexer.value(name)
    if value is None and lexer.style.keep_unset:
        return None
    greedy = pattern.startswith(operator)
    trim = trim_prefix if operator == "#" else trim_suffix
    return trim(pattern[1:] if greedy else pattern, value or "", greedy)


def _replaced(lexer: Lexer, name: str, start: int) -> str | None:
    every = lexer.peek() == "/"
    lexer.at += every
    pattern = lexer.word("/", start, raw=True, missing="missing '/' in ${}")
    replacement = lexer.word("}", start, raw=True)
    value = lexer.value(name)
    if value is None and lexer.style.keep_unset:
        return None
    return replace(pattern, replacement, value or "", every)
