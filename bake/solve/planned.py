"""What `bake plan` tells: each step with what would come of it, what would go where, and how long it may take."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bake.events import StepReport
from bake.plan.step import StepId
from bake.solve.frontier import critical_path

PlannedStatus = Literal["cached", "run", "unknown"]


class PlannedStep(StepReport, frozen=True, kw_only=True):
    """`estimate_s`: seconds that it took when it last ran, None if it never did; only where it may run."""

    estimate_s: float | None = None


class PlannedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """`push`: references to be published; `outputs`: files and engines that get the image."""

    status: PlannedStatus
    push: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `bake plan --json` prints (SPEC §4).

    `estimate_s`: seconds for the steps that will run; `at_most_s` with those that wait on them; steps that never ran
    count nothing, `not_estimated` is how many they are.
    """

    version: int = 1
    steps: tuple[PlannedStep, ...] = ()
    targets: dict[str, PlannedTarget] = {}
    estimate_s: float = 0.0
    at_most_s: float = 0.0
    not_estimated: int = 0


def status_of(steps: Sequence[StepReport]) -> PlannedStatus:
    """Of a target with these steps: what is certain comes first."""
    statuses = {step.status for step in steps}
    return "run" if "run" in statuses else "unknown" if "unknown" in statuses else "cached"


def makespan(inputs: Mapping[StepId, Sequence[StepId]], costs: Mapping[StepId, float], jobs: int) -> float:
    """Seconds that the steps with a cost take on `jobs` workers, most urgent first, as the solver does it.

    `inputs` in topological order.
    """
    urgency = critical_path(inputs, lambda step: costs.get(step, 0.0))
    waits = {step: len(set(needed)) for step, needed in inputs.items()}
    users: dict[StepId, list[StepId]] = {step: [] for step in inputs}
    for step, needed in inputs.items():
        for other in set(needed):
            users[other].append(step)
    ready = [(-urgency[step], step) for step in inputs if not waits[step]]
    heapq.heapify(ready)
    running: list[tuple[float, StepId]] = []
    now, busy = 0.0, 0
    while ready or running:
        while ready and (busy < jobs or not costs.get(ready[0][1])):
            step = heapq.heappop(ready)[1]
            busy += bool(costs.get(step))
            heapq.heappush(running, (now + costs.get(step, 0.0), step))
        now, step = heapq.heappop(running)
        busy -= bool(costs.get(step))
        for user in users[step]:
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, (-urgency[user], user))
    return now
