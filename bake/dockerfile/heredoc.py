"""Heredoc words in an instruction's text (reference/dockerfile.md §2)."""

from __future__ import annotations

import re

from bake.dockerfile.instructions import Heredoc
from bake.words import WordError, heredoc_name, split_raw

_FORM = re.compile(r"([0-9]*)<<(-?)([^<]*)")


def heredoc_words(text: str) -> list[tuple[Heredoc, str]]:
    """(heredoc without its body, the word as written) for each in `text`; none where the text cannot be lexed.

    A blank between `<<` and the name is one blank in the word.
    """
    if "<<" not in text:
        return []
    try:
        words = split_raw(text)
    except WordError:
        return []
    found: list[tuple[Heredoc, str]] = []
    rest = iter(words)
    for word in rest:
        form = _FORM.fullmatch(word)
        if form is None:
            continue
        name = form[3]
        if not name:
            name = next(rest, "")
            word = f"{word} {name}"
        heredoc = _named(name, form[2] == "-")
        if heredoc is not None:
            found.append((heredoc, word))
    return found


def _named(text: str, chomp: bool) -> Heredoc | None:
    if not text or "<" in text:
        return None
    try:
        words = heredoc_name(text)
    except WordError:
        return None
    if len(words) != 1:
        return None
    return Heredoc(name=words[0], body="", chomp=chomp, expand=_quotes(words[0]) == _quotes(text))


def _quotes(text: str) -> int:
    """Quotes that are left in the name were escaped; any other switches expansion of the body off."""
    return text.count("'") + text.count('"')
