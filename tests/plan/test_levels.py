"""Levels: nothing is built before what it uses, and no level is empty."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bake.plan.dependencies import Link, Links
from bake.plan.levels import Job, by_group, by_level, by_target, levels


def links(*pairs: str) -> Links:
    """`app<base`: app uses base."""
    found = [Link(*pair.split("<"), "image") for pair in pairs]
    names = dict.fromkeys(name for link in found for name in (link.user, link.used))
    return Links(tuple(names), tuple(names), tuple(found))


CHAIN = links("app<lib", "lib<base", "docs<base")


def test_a_target_is_one_level_above_what_it_uses() -> None:
    assert levels(CHAIN, CHAIN.targets) == {"app": 2, "lib": 1, "base": 0, "docs": 1}


def test_what_is_not_wanted_makes_no_level_and_still_orders() -> None:
    assert levels(CHAIN, ["app", "base"]) == {"app": 1, "base": 0}
    assert levels(CHAIN, ["app", "docs"]) == {"app": 0, "docs": 0}
    assert levels(CHAIN, []) == {}


def test_jobs() -> None:
    found = levels(CHAIN, CHAIN.targets)
    assert [job.name for job in by_target(found)] == ["base", "lib", "docs", "app"]
    assert by_level(found) == (
        Job("level-0", 0, ("base",)),
        Job("level-1", 1, ("lib", "docs")),
        Job("level-2", 2, ("app",)),
    )
    groups = {"one": ("app", "lib"), "two": ("lib", "base")}
    assert by_group(found, groups) == (
        Job("two", 0, ("base",)),
        Job("one-1", 1, ("lib",)),
        Job("-", 1, ("docs",)),
        Job("one-2", 2, ("app",)),
    )


edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] > pair[1]))


@given(edges, st.sets(st.integers(0, 9)))
def test_order_holds_in_any_graph(pairs: list[tuple[int, int]], wanted: set[int]) -> None:
    names = [str(number) for number in range(10)]
    found = Links(tuple(names), tuple(names), tuple(Link(str(a), str(b), "image") for a, b in dict.fromkeys(pairs)))
    result = levels(found, [str(number) for number in wanted])
    assert set(result) == {str(number) for number in wanted}
    reach = {name: {name} for name in names}
    for name in names:
        for link in found.links:
            if link.user == name:
                reach[name] |= reach[link.used]
    for name, level in result.items():
        below = [result[other] for other in reach[name] - {name} if other in result]
        assert level == max(below, default=-1) + 1
