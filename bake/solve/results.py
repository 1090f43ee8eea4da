"""What a run of the solver comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bake.errors import BakeError, Diagnostic, StepError
from bake.events import StepInfo, StepReport
from bake.plan.missing import advice, source_of
from bake.plan.origin import Origin
from bake.plan.outcome import Image, LayerRef, Plan
from bake.plan.placing import placed
from bake.plan.select import SourceMissing
from bake.plan.step import ImageOp, StepId
from bake.plan.tree import StateId, state_of_images


@dataclass(frozen=True)
class Solution:
    """`states`: step → state, for every step that has one; `reports`: instruction steps in plan order.

    `errors` are those of failed steps, in the order they failed.
    """

    states: Mapping[StepId, StateId]
    reports: Mapping[StepId, StepReport]
    errors: tuple[BakeError, ...] = field(default=())


@dataclass(frozen=True)
class MadeImage:
    """A built image: the state of each layer, bottom first, and the final one.

    `image`: the planned one, completed where a front end made it. `here`: whether they are in the store; else a builder
    has them, and there are none to name. `files`: then, if it was asked for, a state of one layer that holds the final
    one's files.
    """

    image: Image
    layers: tuple[StateId, ...]
    final: StateId
    here: bool = True
    files: StateId | None = None

    @property
    def states(self) -> tuple[StateId, ...]:
        """What outputs are made of: the last is one with the final files."""
        return (self.files,) if self.files is not None else self.layers


def made_image(plan: Plan, image: Image, states: Mapping[StepId, StateId]) -> MadeImage | None:
    """The layers that the steps of an image have come to; None while one is not made."""
    found = [_state_of(plan, ref, states) for ref in image.layers]
    final = states.get(image.state)
    layers = tuple(state for state in found if state is not None)
    return MadeImage(image, layers, final) if final is not None and len(layers) == len(found) else None


def _state_of(plan: Plan, ref: LayerRef, states: Mapping[StepId, StateId]) -> StateId | None:
    op = plan.steps[ref.step].op
    if isinstance(op, ImageOp):
        return state_of_images(op.diff_ids)[ref.index]
    return states.get(ref.step)


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
        target_platform=min((each.target_platform for each in origins), key=bool),
        stage=first.stage,
        ordinal=first.ordinal,
        instruction=first.instruction,
        at=place(first),
    )


def needs(plan: Plan, step: StepId) -> tuple[StepId, ...]:
    """The instructions whose results a step reads, directly or through steps that none stands for."""
    found: dict[StepId, None] = {}
    for other in plan.steps[step].inputs:
        found |= dict.fromkeys((other,) if plan.origins.get(other) else needs(plan, other))
    return tuple(found)


def missing_source(step: StepId, plan: Plan, error: SourceMissing) -> StepError:
    """The error of a step that reads what is not there, at the word that names it."""
    origins = plan.origins.get(step, ())
    origin = next(iter(origins), None)
    message = f"{origin.instruction if origin else 'COPY'}: {error}"
    reader = plan.steps[step]
    source = plan.steps[reader.inputs[source_of(reader, error)]]
    return StepError(placed(Diagnostic("missing-source", message, hint=advice(source.op, error)), origins))


def place(origin: Origin) -> str:
    """`Dockerfile:5`."""
    return f"{origin.span.source.name}:{origin.span.line}" if origin.span else ""
