"""How long steps take on so many workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.step import StepId
from bake.solve.planned import makespan


def graph(**inputs: str) -> dict[StepId, list[StepId]]:
    return {StepId(name): [StepId(n) for n in needed.split()] for name, needed in inputs.items()}


@pytest.mark.parametrize(
    ("jobs", "length"), [(1, 9.0), (2, 6.0), (3, 6.0)]
)  # fmt: skip
def test_a_small_graph(jobs: int, length: float) -> None:
    inputs = graph(a="", b="a", c="a", free="", d="b c")
    costs = {StepId("a"): 1.0, StepId("b"): 3.0, StepId("c"): 2.0, StepId("free"): 1.0, StepId("d"): 2.0}
    assert makespan(inputs, costs, jobs) == length


def test_nothing_takes_no_time() -> None:
    assert makespan({}, {}, 2) == makespan(graph(a="", b="a"), {}, 2) == 0.0


@given(st.lists(st.tuples(st.floats(0, 9), st.sets(st.integers(0, 7))), max_size=8), st.integers(1, 4))
def test_never_shorter_than_it_must_be_nor_longer_than_one_after_the_other(
    rows: list[tuple[float, set[int]]], jobs: int
) -> None:
    inputs = {StepId(f"{n}"): [StepId(f"{i}") for i in needed if i < n] for n, (_, needed) in enumerate(rows)}
    costs = {StepId(f"{n}"): cost for n, (cost, _) in enumerate(rows)}
    longest: dict[StepId, float] = {}
    for step, needed in inputs.items():
        longest[step] = costs[step] + max((longest[i] for i in needed), default=0.0)
    total = sum(costs.values())
    found = makespan(inputs, costs, jobs)
    assert max([total / jobs, *longest.values()]) - 1e-6 <= found <= total + 1e-6
