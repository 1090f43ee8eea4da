"""`(did you mean x?)` as the peer does it: the nearest name, fewer than three edits away.

Of thousands of names a few are compared, those that become the same text as the word when each loses at most two
characters: two texts that are two edits apart always do, and so do the first characters of long ones, and the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

_FARTHEST = 2
_LOOKED_AT = 12
"""Of the characters at either end of a name, to have no more than 79 shortened forms."""


class Suggestions:
    """Finds near names. Those that it has seen once are known to it, so the same ones again cost little."""

    def __init__(self) -> None:
        self._firsts: list[dict[str, list[str]]] = [{} for _ in range(_FARTHEST + 1)]
        self._lasts: list[dict[str, list[str]]] = [{} for _ in range(_FARTHEST + 1)]
        self._seen: set[str] = set()
        self._known: Sequence[str] = ()
        self._places: dict[str, int] = {}

    def near(self, word: str, known: Sequence[str]) -> str | None:
        """The nearest of the known names, the first of several; None when `word` itself is one or none is near."""
        self._learn(known)
        if word in self._places:
            return None
        for distance in range(1, _FARTHEST + 1):
            for name in self._candidates(word, distance):
                if edits(word, name, distance) <= distance:
                    return name
        return None

    def _learn(self, known: Sequence[str]) -> None:
        if known == self._known:
            return
        self._known = known
        self._places = {name: at for at, name in reversed(list(enumerate(known)))}
        for name in known:
            if name in self._seen:
                continue
            self._seen.add(name)
            for distance in range(1, _FARTHEST + 1):
                _enter(self._firsts[distance], name, name[:_LOOKED_AT], distance)
                if len(name) >= _LOOKED_AT - _FARTHEST:
                    _enter(self._lasts[distance], name, name[-_LOOKED_AT:], distance)

    def _candidates(self, word: str, distance: int) -> list[str]:
        """The known names that may be that near, in their order."""
        found = _found(self._firsts[distance], word[:_LOOKED_AT], distance)
        if len(word) > _LOOKED_AT:
            found = min(found, _found(self._lasts[distance], word[-_LOOKED_AT:], distance), key=_size)
        names = {name for each in found for name in each if name in self._places}
        return sorted(names, key=self._places.__getitem__)


def _enter(index: dict[str, list[str]], name: str, end: str, distance: int) -> None:
    for text in set(_shortened(end, distance)):
        index.setdefault(text, []).append(name)


def _found(index: dict[str, list[str]], end: str, distance: int) -> list[list[str]]:
    return [index[text] for text in set(_shortened(end, distance)) if text in index]


def _size(found: list[list[str]]) -> int:
    return sum(map(len, found))


def _shortened(text: str, most: int) -> Iterator[str]:
    """A text less up to `most` of its characters, in all ways."""
    for count in range(min(most, len(text)) + 1):
        for gone in combinations(range(len(text)), count):
            yield "".join([text[a + 1 : b] for a, b in zip((-1, *gone), (*gone, len(text)), strict=True)])


def edits(a: str, b: str, most: int) -> int:
    """The Levenshtein distance, `most` + 1 for any that is larger."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    same = next((at for at, (left, right) in enumerate(zip(a, b, strict=False)) if left != right), min(len(a), len(b)))
    a, b = a[same:], b[same:]
    far = most + 1
    row = [*range(far), *[far] * (len(b) - most)]
    for at, left in enumerate(a, 1):
        first, last = max(at - most, 1), min(at + most, len(b))
        before = row[first - 1]
        row[first - 1] = at if first == 1 else far
        least = row[first - 1]
        for to in range(first, last + 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (left != b[to - 1]))
            least = min(least, row[to])
        if least > most:
            return far
    return min(int(row[len(b)]), far)
