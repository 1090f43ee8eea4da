"""What may run at once: never more than there is, and everything gets its turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bake.plan.step import CopyOp, ExecOp, Step, StepId
from bake.solve.capacity import Amount, Capacity, demand
from bake.spec.target import Target

AMOUNTS = st.builds(
    Amount, st.floats(0.1, 9), st.integers(0, 9).map(float), st.sampled_from([0.0, 0.1, 0.5, 2.0])
)  # fmt: skip


@given(st.lists(AMOUNTS, min_size=1, max_size=12), st.integers(1, 6), st.integers(0, 6), st.data())
def test_never_more_than_there_is(wanted: list[Amount], jobs: int, memory: int, data: st.DataObject) -> None:
    capacity, running, done, waiting = Capacity(Amount(jobs, memory)), [], [], list(wanted)
    while waiting or running:
        while waiting and capacity.take(waiting[0]):
            running.append(waiting.pop(0))
        assert running, "something can always run"
        if len(running) > 1:
            assert sum(each.slots for each in running) <= jobs + 1e-6
            assert not memory or sum(each.memory for each in running) <= memory + 1e-6
        ended = running.pop(data.draw(st.integers(0, len(running) - 1)))
        capacity.give(ended)
        done.append(ended)
    assert sorted(map(repr, done)) == sorted(map(repr, wanted))


def step(run: bool) -> Step:
    return Step(StepId("s"), ExecOp(args=("x",)) if run else CopyOp(()), (), "linux/amd64")


def test_a_step_takes_the_most_that_a_target_of_it_says() -> None:
    heavy = Target("a", "/", "a", weight=2.5, resources={"memory": 100, "cpuset-cpus": "0-1"})
    wide = Target("b", "/", "b", resources={"memory": -1, "cpu-quota": 150_000})
    fast = Target("c", "/", "c", resources={"cpu-quota": 100, "cpu-period": 50})
    assert demand(step(True), [heavy, wide, fast]) == Amount(2.5, 100, 2.0)
    assert demand(step(True), [wide]) == Amount(1.0, 0.0, 1.5)
    assert demand(step(False), [heavy]) == Amount(2.5)
    assert demand(step(True), []) == Amount(1.0)
