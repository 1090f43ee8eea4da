"""What must be built, decided with our own records before anybody is asked.

A state that a builder makes is named by the key of the step that makes it, for its content is not here to be read. So
the key of every step is known at once. A record says which image of the store a step is part of; a step without one,
or whose image was pruned, is a miss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from bake.plan.key import key_of
from bake.plan.outcome import Image, Plan
from bake.plan.reason import Why
from bake.plan.select import SourceMissing
from bake.plan.step import CopyAction, ImageOp, MergeOp, ScratchOp, Step, StepId
from bake.plan.tree import SCRATCH, StateId, state_of_images
from bake.ports.records import Parts
from bake.ports.store import Store
from bake.solve.contents import Contents
from bake.solve.evidence import Evidence
from bake.solve.slots import Slots


@dataclass
class Decisions:
    """`keys` of layer steps; `misses`: those that must be built; `missing`: steps whose sources are not there."""

    keys: dict[StepId, str] = field(default_factory=dict)
    parts: dict[StepId, Parts] = field(default_factory=dict)
    misses: set[StepId] = field(default_factory=set)
    states: dict[StepId, StateId] = field(default_factory=dict)
    missing: dict[StepId, SourceMissing] = field(default_factory=dict)

    def image_key(self, image: Image) -> str:
        """The key of the record that says which layers an image has."""
        return _hash(f"image\0{image.platform}\0{self.states.get(image.state, '')}")

    def files_key(self, image: Image) -> str:
        """The key of the record that says which state has its files."""
        return _hash(f"files\0{self.image_key(image)}")


class Decider:
    """Decides all steps of a plan; reads the store, and the files' digests that gathering has made."""

    def __init__(self, plan: Plan, store: Store, contents: Contents, slots: Slots, sensitive: tuple[str, ...]) -> None:
        self._plan = plan
        self._store = store
        self._made = Decisions()
        self._whys: dict[StepId, Why] = {}
        self._evidence = _Foretold(plan, store.records, contents, slots, self._made.states, sensitive)

    def decide(self) -> Decisions:
        made = self._made
        for step in self._plan.steps.values():
            if step.is_source:
                self._source(step)
            elif any(i in made.missing for i in step.inputs):
                continue
            elif isinstance(step.op, MergeOp):
                base, top = (made.states.get(i, SCRATCH) for i in step.inputs)
                made.states[step.id] = StateId(_hash(f"merge\0{base}\0{top}"))
            else:
                self._layer(step)
        return made

    def _source(self, step: Step) -> None:
        if isinstance(step.op, ImageOp):
            states = state_of_images(step.op.diff_ids)
            self._made.states[step.id] = states[-1] if states else SCRATCH
        elif isinstance(step.op, ScratchOp):
            self._made.states[step.id] = SCRATCH

    def _layer(self, step: Step) -> None:
        made = self._made
        if any(i not in made.states and not self._is_tree(i) for i in step.inputs):
            return  # builds on what cannot be built
        try:
            parts = self._evidence.parts(step)
        except SourceMissing as error:
            made.missing[step.id] = error
            return
        key = _hash(f"buildkit\0{key_of(parts)}")
        made.keys[step.id], made.parts[step.id] = key, parts
        made.states[step.id] = StateId(_hash(f"state\0{key}"))
        if step.uncached or self._store.records.lookup(key) is None:
            made.misses.add(step.id)

    def why(self, id: StepId) -> Why | None:
        """Why a miss is one; None for what is none.

        Found when it is first asked for, which is seldom: most that we know nothing of a builder has in its cache.
        """
        if id in self._made.misses and id not in self._whys:
            step, key, parts = self._plan.steps[id], self._made.keys[id], dict(self._made.parts[id])
            self._whys[id] = self._evidence.why(step, key, parts)
        return self._whys.get(id)

    def _is_tree(self, step: StepId) -> bool:
        return self._plan.steps[step].is_source

    def files(self, step: Step) -> Mapping[str, str]:
        """The base, and the files of contexts that a step reads, as parts that explain."""
        return self._evidence.files(step)


class _Foretold(Evidence):
    """As for other engines, but that what a builder's state holds is named by how the state is made."""

    def content(self, source: Step, action: CopyAction) -> str:
        state = self.states.get(source.id)
        if state is None:
            return super().content(source, action)
        return _hash(f"{state}\0{action.source}\0{action.exclude}\0{action.parents}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
