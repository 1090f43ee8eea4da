"""`bake plan`: the steps with what would come of each, grouped by the targets and the stage they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from bake.events import StepReport
from bake.render.report import encode
from bake.render.sanitize import clean
from bake.render.stages import by_stage
from bake.render.style import Style
from bake.render.table import Column
from bake.render.words import count, instruction, seconds, step_counts, told_reason
from bake.solve.planned import PlanReport

_PLAIN = Style()
_COLUMNS = (
    Column(""),
    Column("STATUS"),
    Column("STEP", right=True),
    Column("INSTRUCTION", elastic=True),
    Column("AT", spare=True),
    Column("WHY", elastic=True),
)


def plan_json(plan: PlanReport) -> str:
    """Indented, ending in a newline."""
    return msgspec.json.format(encode(plan), indent=2).decode() + "\n"


def plan_text(plan: PlanReport, width: int | None = None, style: Style = _PLAIN) -> str:
    """The table of steps, what would go where, and how long it may take."""
    goes = "".join(f"{line}\n" for line in _goes(plan))
    return plan_table(plan.steps, width, style, estimate(plan)) + goes


def plan_table(steps: Sequence[StepReport], width: int | None = None, style: Style = _PLAIN, more: str = "") -> str:
    """A group a stage, each step once however many targets share it, and the counts; ends in a newline."""
    return by_stage(_COLUMNS, steps, _row, width, style) + _counts(steps) + more + "\n"


def estimate(plan: PlanReport) -> str:
    """`; about 12.3s, at most 40.0s`, from when the steps last ran; "" where nothing is known."""
    if not plan.at_most_s:
        return ""
    most = f", at most {seconds(plan.at_most_s)}" if plan.at_most_s > plan.estimate_s else ""
    unknown = f", without {count(plan.not_estimated, 'step')} that never ran" if plan.not_estimated else ""
    return f"; about {seconds(plan.estimate_s)}{most}{unknown}"


def _goes(plan: PlanReport) -> Iterator[str]:
    for name, target in plan.targets.items():
        for reference in target.push:
            yield f"{clean(name)} → push {clean(reference)}"
        for output in target.outputs:
            yield f"{clean(name)} → {clean(output)}"


def _row(step: StepReport) -> tuple[str, ...]:
    return (" ", step.status, str(step.ordinal), instruction(step), step.at, told_reason(step))


def _counts(steps: Sequence[StepReport]) -> str:
    found = step_counts(Counter(step.status for step in steps))
    return ": ".join(part for part in (count(len(steps), "step"), found) if part)
