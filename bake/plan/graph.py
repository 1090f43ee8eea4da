"""The graph while it is built: one step per structure, whoever asks for it."""

from __future__ import annotations

from bake.plan.origin import Origin
from bake.plan.step import NO_AMBIENT, Ambient, Operation, Step, StepId, make_step


class Graph:
    """Steps in topological order and the instructions they stand for."""

    def __init__(self) -> None:
        self.steps: dict[StepId, Step] = {}
        self.origins: dict[StepId, list[Origin]] = {}

    def add(
        self,
        op: Operation,
        inputs: tuple[StepId, ...] = (),
        platform: str = "",
        ambient: Ambient = NO_AMBIENT,
        uncached: bool = False,
    ) -> StepId:
        """The id of the step with this operation on these inputs; added if it is new."""
        step = make_step(op, inputs, platform, ambient, uncached)
        return self.steps.setdefault(step.id, step).id

    def below(self, step: StepId) -> dict[StepId, Step]:
        """A step and all that it stands on, in topological order."""
        wanted, todo = {step}, [step]
        while todo:
            new = [each for each in self.steps[todo.pop()].inputs if each not in wanted]
            wanted.update(new)
            todo += new
        return {id: each for id, each in self.steps.items() if id in wanted}

    def stands_for(self, step: StepId, origin: Origin) -> None:
        """Notes that `origin` is this step."""
        origins = self.origins.setdefault(step, [])
        if all(origin.address != known.address for known in origins):
            origins.append(origin)
