"""When steps ran, in as many lanes as ran at once on each builder, and the chain of steps that the run waited for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bake.events import Report, StepReport
from bake.render.words import builder, instruction, names, seconds

_TICKS = 6
_NICE = (1, 2, 5, 10, 15, 30, 60)


@dataclass(frozen=True)
class Bar:
    """`left` and `width` in per cent of the whole."""

    step: StepReport
    left: float
    width: float
    critical: bool
    label: str


@dataclass(frozen=True)
class Timeline:
    """`lanes`: what each slot for a step did, those of a builder side by side.

    `critical`: ids, the first to run first; `length` in seconds.
    """

    lanes: tuple[tuple[Bar, ...], ...]
    critical: tuple[str, ...]
    critical_s: float
    length: float
    ticks: tuple[tuple[float, str], ...]


def timeline(report: Report) -> Timeline:
    """Of all steps that took time."""
    ran = sorted((step for step in report.steps if step.duration_s > 0), key=lambda step: step.started_s)
    length = max((_end(step) for step in ran), default=0.0)
    critical = critical_path({step.id: step for step in report.steps})
    lanes = sorted(_lanes(ran), key=lambda lane: lane[0].builder)
    bars = tuple(tuple(_bar(step, length, step.id in critical) for step in lane) for lane in lanes)
    waited = sum(step.duration_s for step in ran if step.id in critical)
    return Timeline(bars, critical, waited, length, tuple(_ticks(length)))


def _lanes(ran: Iterable[StepReport]) -> list[list[StepReport]]:
    lanes: list[list[StepReport]] = []
    for step in ran:
        own = (lane for lane in lanes if lane[0].builder == step.builder)
        lane = next((lane for lane in own if _end(lane[-1]) <= step.started_s + 1e-6), None)
        if lane is None:
            lanes.append([step])
        else:
            lane.append(step)
    return lanes


def critical_path(steps: Mapping[str, StepReport]) -> tuple[str, ...]:
    """From the step that ended last, always to that of its needs that ended last; steps without time left out."""
    at = max((s for s in steps.values() if s.duration_s > 0), key=_end, default=None)
    found: list[str] = []
    while at is not None:
        found.append(at.id)
        at = max(_needed(at, steps), key=_end, default=None)
    return tuple(reversed(found))


def _needed(step: StepReport, steps: Mapping[str, StepReport]) -> Iterator[StepReport]:
    """What the step waited for and took time; through those that took none."""
    seen: set[str] = set()
    todo = list(step.needs)
    while todo:
        name = todo.pop()
        if name in seen or name not in steps:
            continue
        seen.add(name)
        if steps[name].duration_s > 0:
            yield steps[name]
        else:
            todo += steps[name].needs


def _end(step: StepReport) -> float:
    return step.started_s + step.duration_s


def _bar(step: StepReport, length: float, critical: bool) -> Bar:
    on = f", on {builder(step)}" if step.builder else ""
    label = f"{instruction(step)} ({names(step.targets)}, {seconds(step.duration_s)}{on})"
    return Bar(step, 100 * step.started_s / length, 100 * step.duration_s / length, critical, label)


def _ticks(length: float) -> Iterator[tuple[float, str]]:
    """Positions in per cent with their times."""
    if length <= 0:
        return
    unit = 1.0
    while unit * _TICKS > length and unit > 1e-3:
        unit /= 10
    step = next((unit * nice for nice in _NICE if unit * nice * _TICKS >= length), length / _TICKS)
    at = 0.0
    while at <= length * 0.97:
        yield 100 * at / length, f"{at:.10g}s" if at < 60 else seconds(at)
        at = round(at + step, 6)
