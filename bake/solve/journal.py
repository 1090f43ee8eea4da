"""What a walk tells: events as steps start, speak and end, and the report of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from msgspec.structs import replace

from bake.events import Event, StepFinished, StepLog, StepProgress, StepReport, StepStarted, StepStatus
from bake.plan.outcome import Plan
from bake.plan.reason import Why
from bake.plan.step import Step, StepId
from bake.ports.engine import Say
from bake.solve.masking import masked, needles
from bake.solve.results import info, needs


class Journal:
    """Steps that no instruction stands for are left out. Times count from when the journal was made."""

    def __init__(self, plan: Plan, emit: Callable[[Event], None]) -> None:
        self._plan = plan
        self._emit = emit
        self._sensitive = needles(v.encode() for target in plan.targets.values() for v in target.sensitive)
        self._zero = monotonic()
        self._hidden: dict[StepId, tuple[str, ...]] = {}
        self.reports: dict[StepId, StepReport] = {}

    def started(self, step: Step, why: Why, at: float, builder: str = "") -> None:
        shown = info(self._plan, step.id)
        if shown is not None:
            shown = replace(shown, builder=builder)
            self._emit(StepStarted(step=shown, why=why, started_s=round(at - self._zero, 4)))

    def ended(
        self,
        step: Step,
        status: StepStatus,
        why: Why | None = None,
        started: float | None = None,
        code: int | None = None,
        size: int = 0,
        builder: str = "",
    ) -> None:
        """`started`: when it began, on the clock of `monotonic`; None if it never ran. `size`: of its layer.

        `builder`: the address of the one that has it.
        """
        shown = info(self._plan, step.id)
        if shown is None or (status == "cached" and step.id in self.reports):
            return  # a hit of a second walk was told by the first, or is what that made
        report = StepReport(
            id=shown.id,
            targets=shown.targets,
            platform=shown.platform,
            target_platform=shown.target_platform,
            stage=shown.stage,
            ordinal=shown.ordinal,
            instruction=shown.instruction,
            at=shown.at,
            builder=builder,
            status=status,
            why=why,
            started_s=0.0 if started is None else round(started - self._zero, 4),
            duration_s=0.0 if started is None else round(monotonic() - started, 4),
            exit_code=0 if status == "run" else code,
            needs=needs(self._plan, step.id),
            size=size,
        )
        self.reports[step.id] = report
        self._emit(StepFinished(step=report))

    def hide(self, step: Step, secrets: Iterable[bytes]) -> None:
        """Keeps the values out of what the step says from now on."""
        self._hidden[step.id] = needles(secrets)

    def say(self, step: Step) -> Say:
        """Where the engine tells what a step prints and what is being done for it; sensitive values are hidden."""

        def say(stream: str, line: str) -> None:
            line = masked(line, (*self._sensitive, *self._hidden.get(step.id, ())))
            if stream == "progress":
                self._emit(StepProgress(id=step.id, text=line))
            else:
                self._emit(StepLog(id=step.id, stream="stderr" if stream == "stderr" else "stdout", text=line))

        return say
