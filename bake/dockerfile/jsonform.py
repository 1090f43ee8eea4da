"""The exec form: one JSON array of strings, or not that form at all (reference/dockerfile.md §3)."""

from __future__ import annotations

import json
from typing import NoReturn


class NotStrings(ValueError):
    """A valid JSON array that holds something else."""


def read_json(text: str) -> tuple[str, ...] | None:
    """The strings, None when `text` is no JSON array. Raises NotStrings."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=float)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(word, str) for word in value):
        raise NotStrings("when using JSON array syntax, arrays must be comprised of strings only")
    return tuple(_valid(word) for word in value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON's


def _valid(word: str) -> str:
    """Escapes of half a surrogate pair stand for no character."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return word.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return word
