"""The picture of a run under way: a fold that keeps what is running, and a pure function from it to lines.

It knows no terminal and no rich; a line is a sequence of (text, meaning) pairs, meanings those of `style.CODES`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bake.events import (
    BlobFinished,
    BlobProgress,
    BlobStarted,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepInfo,
    StepLog,
    StepProgress,
    StepStarted,
)
from bake.render.sanitize import clean
from bake.render.width import cells, cut, expand_tabs
from bake.render.words import builder, instruction, place, seconds, size, step_counts

Line = tuple[tuple[str, str], ...]
_LONGEST = 500
_BAR = 20
_LEAST_SAID = 10


@dataclass
class _Running:
    step: StepInfo
    since: float
    said: str = ""


@dataclass
class _Direction:
    """Transfers one way; `done` and `total` in bytes, of all that was begun, `open` those under way."""

    done: int = 0
    total: int = 0
    open: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


class Live:
    """Memory is bounded by what runs at once. `now` are seconds of one clock, whichever."""

    def __init__(self, now: float) -> None:
        self.since = now
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.running: dict[str, _Running] = {}
        self.directions: dict[str, _Direction] = {}
        self.several = False
        self.spread = False
        self.ended = False

    def event(self, event: Event, now: float) -> None:
        match event:
            case RunStarted():
                self.total, self.several = event.steps, len(event.platforms) > 1
                self.spread = len(event.builders) > 1
            case StepStarted():
                self.running[event.step.id] = _Running(event.step, now)
            case StepLog(id=id, text=text) | StepProgress(id=id, text=text):
                self._said(id, text, event)
            case StepFinished():
                self.running.pop(event.step.id, None)
                self.counts[event.step.status] += 1
            case BlobStarted() | BlobProgress() | BlobFinished():
                self._blob(event)
            case RunFinished():
                self.ended = True

    def _said(self, id: str, text: str, event: Event) -> None:
        running = self.running.get(id)
        line = clean(text[:_LONGEST]).strip()
        if isinstance(event, StepProgress) and event.total:
            line = f"{line} {size(event.current)} / {size(event.total)}".lstrip()
        if running is not None and line:
            running.said = line

    def _blob(self, event: BlobStarted | BlobProgress | BlobFinished) -> None:
        way = self.directions.setdefault(event.direction, _Direction())
        name = (event.digest, event.repository)
        before, total = way.open.get(name, (0, 0))
        if isinstance(event, BlobFinished):
            way.open.pop(name, None)
            # What was there already, or never arrived, is no part of the way to go.
            after = event.size if event.outcome in ("pushed", "pulled") else 0
            way.total += after - total
        else:
            after = event.current if isinstance(event, BlobProgress) else 0
            way.open[name] = (after, event.size)
            way.total += event.size - total
        way.done += after - before


def lines(live: Live, now: float, width: int, height: int) -> list[Line]:
    """What a terminal of `width` × `height` shows; nothing once the run has ended. No line fills the width."""
    if live.ended:
        return []
    width = max(width - 1, 10)
    transfers = [_transfer(name, way, width) for name, way in sorted(live.directions.items()) if way.open]
    room = max(1, height - 2 - len(transfers))
    running = list(live.running.values())
    hidden = len(running) - room + 1 if len(running) > room else 0
    shown = [_running(each, now, width, live) for each in running[: len(running) - hidden]]
    more = [fit(((f"  … and {hidden} more", "dim"),), width)] if hidden else []
    return [_header(live, now, width), *shown, *more, *transfers][: max(1, height - 1)]


def _header(live: Live, now: float, width: int) -> Line:
    finished = live.counts.total()
    if not live.total and not finished:
        doing = "transferring" if live.directions else "planning"
        return fit((("bake ", "bold"), (f"{seconds(now - live.since)}  {doing}", "dim")), width)
    told = f"  {step_counts(live.counts)}" if finished else ""
    failed = "error" if live.counts["failed"] else "dim"
    ratio = f"{finished}/{max(live.total, finished)} steps"
    return fit((("bake ", "bold"), (f"{seconds(now - live.since)}  ", "dim"), (ratio, "bold"), (told, failed)), width)


def _running(running: _Running, now: float, width: int, live: Live) -> Line:
    """Elapsed, place, instruction, and the last line said in what room is left."""
    elapsed = f"{seconds(now - running.since):>7} "
    where = f"[{cut(place(running.step, live.several), max(8, width // 3))}] "
    rest = width - cells(elapsed) - cells(where)
    on = f" on {builder(running.step)}" if live.spread and running.step.builder else ""
    what = f"{instruction(running.step)}{on}"
    if rest >= 40 and running.said:
        what = cut(what, max(20, rest - 3 - cells(running.said), rest // 2))
    roomy = running.said and rest - cells(what) >= _LEAST_SAID
    said = expand_tabs(f" │ {running.said}") if roomy else ""
    return fit(((elapsed, "busy"), (where, "place"), (what, ""), (said, "dim")), width)


def _transfer(name: str, way: _Direction, width: int) -> Line:
    share = min(1.0, way.done / way.total) if way.total else 0.0
    full = round(share * _BAR)
    text = f" {size(way.done)} / {size(way.total)}  {len(way.open)} under way"
    return fit(((f"{name:>7} ", "busy"), ("━" * full, "good"), ("─" * (_BAR - full), "dim"), (text, "")), width)


def fit(line: Line, width: int) -> Line:
    """The line cut to `width` columns."""
    out: list[tuple[str, str]] = []
    for text, meaning in line:
        if width <= 0:
            break
        shown = cut(text, width)
        out.append((shown, meaning))
        width -= cells(shown)
    return tuple(out)
