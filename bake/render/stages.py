"""A table of steps under headings: the targets and the stage that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bake.events import StepReport
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import platform as platform_of

_PLAIN = Style()


def by_stage(
    columns: Sequence[Column],
    steps: Sequence[StepReport],
    row: Callable[[StepReport], Sequence[str]],
    width: int | None = None,
    style: Style = _PLAIN,
) -> str:
    """A group a stage, each step once however many targets share it; "" without steps. The head line is left out."""
    groups: dict[tuple[tuple[str, ...], str, str], list[StepReport]] = {}
    for step in steps:
        groups.setdefault((step.targets, platform_of(step), step.stage), []).append(step)
    lines = table(columns, [row(step) for members in groups.values() for step in members], width).splitlines()
    out: list[str] = []
    position = 1
    for (targets, platform, stage), members in groups.items():
        heading = style.paint("bold", _heading(targets, platform, stage, width))
        out += [heading, *lines[position : position + len(members)]]
        position += len(members)
    return "".join(f"{line}\n" for line in out)


def _heading(targets: Sequence[str], platform: str, stage: str, width: int | None) -> str:
    from bake.render.width import cells, cut

    tail = f"  stage {stage}  {platform}" if stage else f"  {platform}"
    text = ", ".join(targets)
    if width is None:
        return text + tail
    return cut(cut(text, max(10, width - cells(tail))) + tail, width)
