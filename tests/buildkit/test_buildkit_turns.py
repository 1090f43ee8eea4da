"""Turns on a builder: weights within its slots, in the order of asking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bake.app.building import build
from bake.engine.buildkit.turns import Turns
from bake.events import StepFinished, StepStarted
from bake.solve.capacity import Amount

pytestmark = pytest.mark.anyio


async def at_once(slots: int, weights: list[float]) -> list[list[float]]:
    """What has a turn together, as each turn begins."""
    turns, inside, seen = Turns(Amount(slots)), list[float](), list[list[float]]()

    async def one(weight: float) -> None:
        async with turns.take(Amount(weight)):
            inside.append(weight)
            seen.append(list(inside))
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            inside.remove(weight)

    async with anyio.create_task_group() as group:
        for weight in weights:
            group.start_soon(one, weight)
    assert not inside
    return seen


@pytest.mark.parametrize(
    ("slots", "weights", "most"),
    [
        (4, [1.0] * 9, 4.0),
        (4, [2.0] * 5, 4.0),
        (3, [2.0, 2.0, 1.0], 3.0),
        (1, [0.5] * 4, 1.0),
        (2, [9.0, 1.0, 1.0], 9.0),
    ],
)
async def test_weights_within_the_slots(slots: int, weights: list[float], most: float) -> None:
    seen = await at_once(slots, weights)
    assert len(seen) == len(weights)
    assert max(sum(row) for row in seen) == most


async def test_one_that_weighs_more_than_there_is_has_it_alone() -> None:
    assert [row for row in await at_once(2, [1.0, 5.0, 1.0]) if 5.0 in row] == [[5.0]]


async def test_light_ones_do_not_pass_a_heavy_one() -> None:
    seen = await at_once(2, [1.0, 2.0, 1.0, 1.0])
    assert [row[-1] for row in seen][:2] == [1.0, 2.0]


async def test_who_is_cancelled_leaves_the_rest_their_turn() -> None:
    turns, went = Turns(Amount(1)), list[str]()

    async def waits() -> None:
        async with turns.take(Amount(1.0)):
            went.append("cancelled")

    async def last() -> None:
        async with turns.take(Amount(1.0)):
            went.append("last")

    async with anyio.create_task_group() as group, turns.take(Amount(1.0)):
        with anyio.move_on_after(0):
            await waits()
        group.start_soon(last)
        await anyio.wait_all_tasks_blocked()
        assert went == []
    assert went == ["last"]


def test_images_that_take_all_slots_build_one_by_one(project: Any) -> None:
    project.write(
        "Dockerfile", "FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/sleep\nARG N\nRUN sleep 0.2; echo $N\n"
    )
    rows = "".join(f'[target.t{n}]\nnetwork = "none"\nargs = {{ N = "{n}" }}\nweight = 2\n' for n in range(3))
    project.write("bake.toml", rows)
    assert project.build(jobs=2).errors == ()
    kinds = [
        type(event).__name__
        for event in project.events
        if isinstance(event, StepStarted | StepFinished) and "RUN" in event.step.instruction
    ]
    assert kinds == ["StepStarted", "StepFinished"] * 3


@pytest.mark.parametrize("own", ["", 'memory = "1GB"\n', "cpus = 1\n"])
def test_resources_wait_for_what_the_settings_say_of_a_builder(
    project: Any, daemon: Any, tmp_path: Any, own: str
) -> None:
    (tmp_path / "config/bake").mkdir(parents=True)
    (tmp_path / "config/bake/config.toml").write_text(f'[[builders]]\naddr = "{daemon.address}"\n{own}')
    lines = "COPY busybox /bin/sh\nCOPY busybox /bin/sleep\nARG N\n"
    project.write("Dockerfile", f"FROM scratch\n{lines}RUN sleep 1; echo {len(own)} $N\n")
    needs = 'resources = { memory = "600m", cpu-quota = 60000 }\n'
    rows = (f'[target.t{n}]\nnetwork = "none"\nargs = {{ N = "{n}" }}\n{needs}' for n in range(3))
    project.write("bake.toml", "".join(rows))
    options = project.options("all")
    options = replace(options, environment={**options.environment, "XDG_CONFIG_HOME": str(tmp_path / "config")})
    events: list[Any] = []
    assert anyio.run(build, options, events.append).errors == ()
    running, most = 0, 0
    for event in events:
        if isinstance(event, StepStarted | StepFinished) and "RUN" in event.step.instruction:
            running += 1 if isinstance(event, StepStarted) else -1
            most = max(most, running)
    assert (most == 1) == bool(own)
