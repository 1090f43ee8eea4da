"""What a decision stands on: the parts of a step's key, the files behind them, and why a miss is a miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bake.plan.decide import reason
from bake.plan.key import FILE, parts_of, reads
from bake.plan.outcome import Plan
from bake.plan.reason import Why
from bake.plan.step import CopyAction, FrontendOp, Step, StepId
from bake.plan.tree import StateId
from bake.ports.records import Records
from bake.solve.contents import Contents
from bake.solve.slots import Slots, base_told


class Evidence:
    """Of the steps of one plan. `states` is read while the walk fills it.

    All methods may raise Unread, SourceMissing or NotYet: something that they need must be fetched, or is not there.
    """

    def __init__(
        self,
        plan: Plan,
        records: Records,
        contents: Contents,
        slots: Slots,
        states: Mapping[StepId, StateId],
        sensitive: Sequence[str],
    ) -> None:
        self._plan = plan
        self._records = records
        self._contents = contents
        self._slots = slots
        self.states = states
        self._sensitive = sensitive

    def parts(self, step: Step) -> dict[str, str]:
        """The named parts of the step's key, without its single files."""
        parent = "" if isinstance(step.op, FrontendOp) else self.states[step.inputs[0]]
        return parts_of(step, parent, self._on_base(step), self._digest(step), self._sensitive)

    def why(self, step: Step, key: str, parts: dict[str, str]) -> Why:
        """Why a step whose key has these parts must run."""

        def now() -> dict[str, str]:
            parts.update(self.files(step))
            return parts

        return reason(
            uncached=step.uncached,
            known=lambda: self._records.known(key),
            last=lambda: self._slots.last_parts(step, parts),
            now=now,
        )

    def files(self, step: Step) -> dict[str, str]:
        """The parts that only explain: the base image, and `file.PATH` → identity for each file that the step reads."""
        found = base_told(step, self._plan) if self._on_base(step) else {}
        for _, action in reads(step):
            source = self._plan.steps[step.inputs[action.input]]
            files = self._contents.files(source, self.states.get(source.id), action)
            found |= {f"{FILE}{path}": identity for path, identity in files.items()}
        return found

    def content(self, source: Step, action: CopyAction) -> str:
        """The digest of what an action selects from the result of `source`."""
        return self._contents.digest(source, self.states.get(source.id), action)

    def _digest(self, step: Step) -> Callable[[int, CopyAction], str]:
        return lambda number, action: self.content(self._plan.steps[step.inputs[number]], action)

    def _on_base(self, step: Step) -> bool:
        first = any(origin.ordinal == 1 for origin in self._plan.origins.get(step.id, ()))
        return first and not isinstance(step.op, FrontendOp)
