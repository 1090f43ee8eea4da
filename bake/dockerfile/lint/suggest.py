"""`(did you mean x?)` as the peer does it: the nearest name, fewer than three edits away."""

from __future__ import annotations

from collections.abc import Iterable

_FARTHEST = 2


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The nearest known name, the first of several; None when `word` itself is one or none is near."""
    best: tuple[int, str] | None = None
    for name in known:
        if name == word:
            return None
        if abs(len(name) - len(word)) > _FARTHEST:
            continue
        distance = edits(word, name)
        if distance <= _FARTHEST and (best is None or distance < best[0]):
            best = (distance, name)
    return best[1] if best else None


def edits(a: str, b: str) -> int:
    """The Levenshtein distance."""
    row = list(range(len(b) + 1))
    for at, left in enumerate(a, 1):
        before, row[0] = row[0], at
        for to, right in enumerate(b, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (left != right))
    return row[-1]
