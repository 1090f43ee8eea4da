"""`bake plan`: the steps with what would come of each, grouped by the targets and the stage they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from bake.events import StepReport
from bake.render.stages import by_stage
from bake.render.style import Style
from bake.render.table import Column
from bake.render.words import count, instruction, step_counts, told_reason

_PLAIN = Style()
_COLUMNS = (
    Column(""),
    Column("STATUS"),
    Column("STEP", right=True),
    Column("INSTRUCTION", elastic=True),
    Column("AT", spare=True),
    Column("WHY", elastic=True),
)


class PlanReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `bake plan --json` prints (SPEC §4)."""

    version: int = 1
    steps: tuple[StepReport, ...] = ()


def plan_json(steps: Sequence[StepReport]) -> str:
    """Indented, ending in a newline."""
    data = msgspec.json.encode(PlanReport(steps=tuple(steps)))
    return msgspec.json.format(data, indent=2).decode() + "\n"


def plan_table(steps: Sequence[StepReport], width: int | None = None, style: Style = _PLAIN) -> str:
    """A group a stage, each step once however many targets share it, and the counts; ends in a newline."""
    return by_stage(_COLUMNS, steps, _row, width, style) + _counts(steps) + "\n"


def _row(step: StepReport) -> tuple[str, ...]:
    return (" ", step.status, str(step.ordinal), instruction(step), step.at, told_reason(step))


def _counts(steps: Sequence[StepReport]) -> str:
    found = step_counts(Counter(step.status for step in steps))
    return ": ".join(part for part in (count(len(steps), "step"), found) if part)
