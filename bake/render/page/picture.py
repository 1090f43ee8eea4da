"""The graph of targets with their steps in them: what is built first stands on the left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bake.events import Report, StepReport
from bake.render.sanitize import clean
from bake.render.width import cells

_CHARACTER = 7.4
_SQUARE, _GAP, _ROW = 12, 4, 12
_PADDING, _TITLE = 12, 22
_BETWEEN_X, _BETWEEN_Y = 56, 14


@dataclass(frozen=True)
class Square:
    """A step in its target's box, by its number in the report."""

    x: float
    y: float
    number: int
    status: str
    label: str


@dataclass(frozen=True)
class Box:
    """A target, in pixels."""

    name: str
    x: float
    y: float
    width: float
    height: float
    status: str
    squares: tuple[Square, ...]

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Picture:
    """`lines` are paths from what is used to its user."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]


def picture(report: Report, numbers: Mapping[str, int]) -> Picture:
    """Of all targets that the report tells of, and those whose steps it has."""
    steps = _own_steps(report)
    links = _links(report, steps)
    boxes: dict[str, Box] = {}
    x = 1.0
    for names in _levels(steps, links):
        column = [_box(name, x, report, steps[name], numbers) for name in names]
        y = 1.0
        for box in column:
            boxes[box.name] = _moved(box, y)
            y += box.height + _BETWEEN_Y
        x += max(box.width for box in column) + _BETWEEN_X
    width = max((box.x + box.width for box in boxes.values()), default=0) + 1
    height = max((box.y + box.height for box in boxes.values()), default=0) + 1
    lines = tuple(_line(boxes[used], boxes[user]) for user, row in links.items() for used in row)
    return Picture(width, height, tuple(boxes.values()), lines)


def _own_steps(report: Report) -> dict[str, list[StepReport]]:
    """A shared step stands with the first of its targets."""
    found: dict[str, list[StepReport]] = {name: [] for name in report.targets}
    for step in report.steps:
        found.setdefault(step.targets[0] if step.targets else "", []).append(step)
    return found


def _links(report: Report, steps: Mapping[str, Sequence[StepReport]]) -> dict[str, list[str]]:
    """Target → targets it uses: those it says, and those whose steps its own need."""
    owner = {step.id: name for name, row in steps.items() for step in row}
    found: dict[str, list[str]] = {}
    for name, row in steps.items():
        told = report.targets[name].needs if name in report.targets else ()
        used = (owner[other] for step in row for other in step.needs if other in owner)
        found[name] = [other for other in dict.fromkeys([*told, *used]) if other != name and other in steps]
    return found


def _levels(names: Mapping[str, object], links: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    from graphlib import CycleError, TopologicalSorter

    level: dict[str, int] = {}
    try:
        for name in TopologicalSorter(links).static_order():
            level[name] = max((level[used] + 1 for used in links.get(name, ())), default=0)
    except CycleError:  # steps of two targets may need each other's
        level = dict.fromkeys(names, 0)
    for number in range(max(level.values(), default=-1) + 1):
        yield [name for name in names if level.get(name) == number]


def _box(name: str, x: float, report: Report, steps: Sequence[StepReport], numbers: Mapping[str, int]) -> Box:
    squares = tuple(
        Square(
            _PADDING + at % _ROW * (_SQUARE + _GAP), _TITLE + 8 + at // _ROW * (_SQUARE + _GAP),
            numbers[step.id], step.status, clean(f"{step.instruction} – {step.status}"),
        )
        for at, step in enumerate(steps)
    )  # fmt: skip
    rows = -(-len(steps) // _ROW)
    across = min(len(steps), _ROW) * (_SQUARE + _GAP) - _GAP
    width = 2 * _PADDING + max(cells(clean(name)) * _CHARACTER, across)
    height = _TITLE + 8 + rows * (_SQUARE + _GAP) + (4 if rows else 0)
    status = report.targets[name].status if name in report.targets else ""
    return Box(name, x, 0, width, height, status, squares)


def _moved(box: Box, y: float) -> Box:
    from dataclasses import replace

    return replace(box, y=y)


def _line(used: Box, user: Box) -> str:
    x, end = used.x + used.width, user.x
    bend = max(20.0, (end - x) / 2)
    return (
        f"M{x:.0f},{used.middle:.0f} C{x + bend:.0f},{used.middle:.0f}"
        f" {end - bend:.0f},{user.middle:.0f} {end:.0f},{user.middle:.0f}"
    )
