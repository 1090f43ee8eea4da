"""Shell words: quotes, escapes and `${…}` exactly as BuildKit's lexer has them (reference/dockerfile.md §4).

Both languages stand on this one evaluator: words of a Dockerfile, and what stands inside `${…}` in bake.toml. One rule
is finer than BuildKit's: a word that its form does not come to (`${v:-word}` with `v` set) is read but not evaluated,
so nothing in it is looked up and no `?` in it fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bake.words.lexer import BOM, HEREDOC, NAME, RAW, Lexer, Piece, Style, WordError, shell

__all__ = [
    "Expanded", "ExpandedWords", "WordError", "expand", "expand_heredoc", "expand_words", "heredoc_name", "split_raw",
]  # fmt: skip


_BLANKS = re.compile(r"\s+")


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
    """`text` as one word: variables replaced, quotes and escapes removed. Raises WordError.

    `env` is asked for a name only when the word's value depends on it; a KeyError means that it is unset.
    """
    if "$" not in text and "'" not in text and '"' not in text and escape not in text:
        return Expanded(text.removeprefix(BOM))
    return _expanded(text, env, shell(escape))


def expand_words(text: str, env: Mapping[str, str], *, escape: str = "\\") -> ExpandedWords:
    """`text` as words (EXPOSE). A quoted empty word yields none. Raises WordError."""
    lexer = Lexer(text, env, shell(escape))
    return ExpandedWords(_split(lexer.pieces()), tuple(lexer.used), tuple(lexer.unset))


def expand_heredoc(text: str, env: Mapping[str, str]) -> Expanded:
    """The body of a heredoc: variables replaced and `\\x` made `x`, quotes left alone (§2). Raises WordError."""
    return _expanded(text, env, HEREDOC)


def split_raw(text: str) -> list[str]:
    """Words with their quotes, escapes and `$` left as they are (heredoc words, §2). Raises WordError."""
    return list(_split(Lexer(text, {}, RAW).pieces()))


def heredoc_name(text: str) -> list[str]:
    """Words of what follows `<<`: quotes and escapes removed, variables as written. Raises WordError."""
    return list(_split(Lexer(text, {}, NAME).pieces()))


def _expanded(text: str, env: Mapping[str, str], style: Style) -> Expanded:
    lexer = Lexer(text, env, style)
    return Expanded(lexer.text(), tuple(lexer.used), tuple(lexer.unset))


def _split(pieces: list[Piece]) -> tuple[str, ...]:
    """Cut at blanks, except in fixed pieces (what was quoted or escaped)."""
    done: list[str] = []
    word: list[str] = []
    for text, fixed in pieces:
        if fixed or not text or text.isalnum():
            word.append(text)
            continue
        first, *more = _BLANKS.split(text)
        word.append(first)
        for part in more:
            done.append("".join(word))
            word = [part]
    return tuple(word for word in [*done, "".join(word)] if word)
