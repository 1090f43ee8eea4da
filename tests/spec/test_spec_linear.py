from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.spec.linear import DEPTH_LIMIT, InheritanceError, linearise


@st.composite
def hierarchies(draw: st.DrawFn) -> dict[str, list[str]]:
    count = draw(st.integers(1, 8))
    parents: dict[str, list[str]] = {}
    for index in range(count):
        earlier = [f"n{each}" for each in range(index)]
        parents[f"n{index}"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
    return parents


@settings(max_examples=400, deadline=None)
@given(hierarchies())
def test_the_order_is_that_of_python_classes(parents: dict[str, list[str]]) -> None:
    classes: dict[str, type] = {}
    known: dict[str, tuple[str, ...]] = {}
    for name, above in parents.items():
        try:
            classes[name] = type(name, tuple(classes[each] for each in above) or (object,), {})
        except TypeError:
            with pytest.raises(InheritanceError):
                linearise(name, parents.__getitem__, known)
            return
        expected = tuple(each.__name__ for each in classes[name].__mro__[:-1])
        assert linearise(name, parents.__getitem__, known) == expected


def test_a_circle_is_told_in_order() -> None:
    parents = {"a": ["b"], "b": ["c"], "c": ["d", "b"], "d": []}
    with pytest.raises(InheritanceError) as caught:
        linearise("a", parents.__getitem__, {})
    assert caught.value.circle == ("b", "c", "b")


def test_a_long_chain_does_not_recurse() -> None:
    parents = {f"n{i}": [f"n{i + 1}"] for i in range(DEPTH_LIMIT - 1)} | {f"n{DEPTH_LIMIT - 1}": []}
    assert len(linearise("n0", parents.__getitem__, {})) == DEPTH_LIMIT
    parents["m"] = ["n0"]
    with pytest.raises(InheritanceError):
        linearise("m", parents.__getitem__, {})
