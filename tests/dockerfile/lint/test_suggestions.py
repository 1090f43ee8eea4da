"""Near names: as found by comparing with every one (reference/dockerfile.md §14)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.lint import suggest
from bake.dockerfile.lint.suggest import Suggestions, edits

SHORT = st.text("ab_", max_size=6)
LONG = st.builds("".join, st.tuples(st.sampled_from(["A" * 11, "AB" * 6, "C" * 12]), SHORT, st.just("E" * 3), SHORT))
NAMES = st.one_of(SHORT, LONG)


def distance(a: str, b: str) -> int:
    """The fewest characters to put in, leave out or change, by the definition."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return distance(a[1:], b[1:])
    return 1 + min(distance(a[1:], b), distance(a, b[1:]), distance(a[1:], b[1:]))


@given(SHORT, SHORT)
def test_the_distance_is_by_its_definition(a: str, b: str) -> None:
    assert [edits(a, b, most) for most in (1, 2, 9)] == [min(distance(a, b), most + 1) for most in (1, 2, 9)]


def plainly(word: str, known: Sequence[str]) -> str | None:
    """The nearest name that is fewer than three edits away, the first of several."""
    near = [name for name in known if edits(word, name, 9) < 3]
    return None if word in known else min(near, key=lambda name: edits(word, name, 9), default=None)


@given(st.lists(st.tuples(NAMES, st.lists(NAMES, max_size=8)), max_size=4))
def test_the_nearest_is_found(asked: list[tuple[str, list[str]]]) -> None:
    suggestions = Suggestions()
    for word, known in asked:
        assert suggestions.near(word, known) == plainly(word, known)


@pytest.mark.parametrize(("before", "after"), [("", ""), ("", "X" * 40), ("X" * 40, ""), ("X" * 6, "Y" * 6)])
def test_few_of_many_names_are_compared(before: str, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def counted(a: str, b: str, most: int) -> int:
        compared.append(b)
        return edits(a, b, most)

    monkeypatch.setattr(suggest, "edits", counted)
    numbers = [f"{number * 97 % 65536:04x}" for number in range(400)]
    known = [f"{before}{number}{after}" for number in numbers]
    words = [f"{before}{number.upper()}_{after}" for number in numbers]
    suggestions = Suggestions()
    for word in words:
        suggestions.near(word, known)
    assert len(compared) < 10 * len(words)
