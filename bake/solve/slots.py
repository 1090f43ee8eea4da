"""What the steps of a plan came to the last time: found by slot, for reasons and for the critical path.

A slot belongs to the directory of its spec. A project built from another checkout on the same store is recognised by
the step of the same name with the same instruction there, so that its first build is explained as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bake.oci.reference import parse_reference
from bake.plan.key import BASE
from bake.plan.outcome import Plan
from bake.plan.step import ImageOp, Step, StepId
from bake.ports.records import Parts, Records

_ANYWHERE = ""
_NO_PARTS: Mapping[str, Parts] = {}


class Slots:
    """The slots of one plan, whose spec stands in the directory `root`."""

    def __init__(self, plan: Plan, root: str, records: Records) -> None:
        self._plan = plan
        self._root = root
        self._records = records

    def _of(self, step: StepId, root: str) -> Iterator[str]:
        return (origin.slot(root) for origin in self._plan.origins.get(step, ()))

    def last_parts(self, step: Step, now: Parts) -> Parts | None:
        """The key parts of the step's last run, here, else in another checkout; None when there was none."""
        here = next((p for slot in self._of(step.id, self._root) if (p := self._records.last_parts(slot))), None)
        if here is not None:
            return here
        elsewhere = (self._records.last_parts(slot) for slot in self._of(step.id, _ANYWHERE))
        return next((p for p in elsewhere if p and p.get("instruction") == now.get("instruction")), None)

    def last_durations(self) -> dict[StepId, float]:
        """Seconds that the steps took when they last ran, of those that did, here, else in another checkout."""
        slots = {step: [*self._of(step, self._root), *self._of(step, _ANYWHERE)] for step in self._plan.origins}
        known = self._records.last_durations([slot for rows in slots.values() for slot in rows])
        found = {step: next((known[slot] for slot in rows if slot in known), None) for step, rows in slots.items()}
        return {step: duration for step, duration in found.items() if duration is not None}

    def visit(self, keys: Mapping[StepId, str], parts: Mapping[str, Parts] = _NO_PARTS) -> None:
        """Notes the key that each step has had in this run, and the parts of keys that have none yet."""
        rows = {
            slot: key for root in (_ANYWHERE, self._root) for step, key in keys.items() for slot in self._of(step, root)
        }
        self._records.visit(rows, parts)


def base_told(step: Step, plan: Plan) -> dict[str, str]:
    """The part that says what a stage's first step stands on: a registry's image, or a stage or target of the spec."""
    op = plan.steps[step.inputs[0]].op
    if isinstance(op, ImageOp):
        return {BASE: f"{parse_reference(op.reference).name_tag}@{op.manifest}"}
    own = {origin.target for origin in plan.origins.get(step.id, ())}
    below = plan.origins.get(step.inputs[0], ())
    stage = next((origin for origin in below if origin.target in own), None)
    if stage is not None:
        return {BASE: f"stage {stage.stage}"}
    return {BASE: f"target {below[0].target}"} if below else {}
