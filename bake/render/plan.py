"""`bake plan`: the steps with what would come of each, grouped by the targets and the stage they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from bake.events import StepReport
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import count, instruction, reason, step_counts

_PLAIN = Style()
_COLUMNS = (
    Column(""),
    Column("STATUS"),
    Column("STEP", right=True),
    Column("INSTRUCTION", elastic=True),
    Column("AT", spare=True),
    Column("WHY", elastic=True),
)
_WAITS = "waits on a step that will run"


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
    groups: dict[tuple[tuple[str, ...], str, str], list[StepReport]] = {}
    for step in steps:
        groups.setdefault((step.targets, step.platform, step.stage), []).append(step)
    lines = table(_COLUMNS, [_row(step) for steps in groups.values() for step in steps], width).splitlines()
    out: list[str] = []
    position = 1
    for (targets, platform, stage), members in groups.items():
        out += [
            style.paint("bold", _heading(targets, platform, stage, width)),
            *lines[position : position + len(members)],
        ]
        position += len(members)
    return "\n".join([*out, _counts(steps)]) + "\n"


def _heading(targets: Sequence[str], platform: str, stage: str, width: int | None) -> str:
    from bake.render.width import cells, cut

    tail = f"  stage {stage}  {platform}" if stage else f"  {platform}"
    text = ", ".join(targets)
    if width is None:
        return text + tail
    return cut(cut(text, max(10, width - cells(tail))) + tail, width)


def _row(step: StepReport) -> tuple[str, ...]:
    why = _WAITS if step.status == "unknown" and step.why is None else reason(step.why)
    return (" ", step.status, str(step.ordinal), instruction(step), step.at, why)


def _counts(steps: Sequence[StepReport]) -> str:
    found = step_counts(Counter(step.status for step in steps))
    return ": ".join(part for part in (count(len(steps), "step"), found) if part)
