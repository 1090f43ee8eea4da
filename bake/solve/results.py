"""What a run of the solver comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bake.errors import BakeError
from bake.events import StepInfo, StepReport
from bake.plan.outcome import Plan
from bake.plan.step import Origin, StepId
from bake.plan.tree import StateId


@dataclass(frozen=True)
class Solution:
    """`states`: step → state, for every step that has one; `reports`: instruction steps in plan order.

    `errors` are those of failed steps, in the order they failed.
    """

    states: Mapping[StepId, StateId]
    reports: Mapping[StepId, StepReport]
    errors: tuple[BakeError, ...] = field(default=())


def info(plan: Plan, step: StepId) -> StepInfo | None:
    """How a step is shown: by its first origin; None for one that no instruction stands for."""
    origins = plan.origins.get(step)
    if not origins:
        return None
    first = origins[0]
    return StepInfo(
        id=step,
        targets=tuple(dict.fromkeys(origin.target for origin in origins)),
        platform=first.platform,
        stage=first.stage,
        ordinal=first.ordinal,
        instruction=first.instruction,
        at=place(first),
    )


def place(origin: Origin) -> str:
    """`Dockerfile:5`."""
    return f"{origin.span.source.name}:{origin.span.line}" if origin.span else ""
