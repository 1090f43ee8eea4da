"""Heredoc words in an instruction's text (reference/dockerfile.md §2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bake.dockerfile.instructions import Heredoc
from bake.words import WordError, expand_words, split_raw

_FORM = re.compile(r"(\d*)<<(-?)([^<]*)")


class _Kept(Mapping[str, str]):
    """Variables in a heredoc's name stay as they are written."""

    def __getitem__(self, name: str) -> str:
        return f"${name}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def heredoc_words(text: str) -> list[tuple[Heredoc, str]]:
    """(heredoc without its body, the word as written) for each in `text`; none where the text cannot be lexed."""
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
            if not name or "<" in name:
                continue
            word = f"{word} {name}"
        heredoc = _named(name, form[2] == "-")
        if heredoc is not None:
            found.append((heredoc, word))
    return found


def _named(text: str, chomp: bool) -> Heredoc | None:
    try:
        words = expand_words(text, _Kept()).words
    except WordError:
        return None
    if len(words) != 1:
        return None
    quoted = re.search(r"""['"]""", re.sub(r"\\.", "", text)) is not None
    return Heredoc(name=words[0], body="", chomp=chomp, expand=not quoted)
