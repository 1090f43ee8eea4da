"""`bake explain`: for each step what came of it, why it ran, or where its cached result came from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from bake.events import StepReport
from bake.render.history import when
from bake.render.sanitize import clean
from bake.render.stages import by_stage
from bake.render.style import Style
from bake.render.table import Column
from bake.render.words import count, instruction, seconds, step_counts, told_reason

_PLAIN = Style()
_COLUMNS = (
    Column(""),
    Column("STATUS"),
    Column("TIME", right=True),
    Column("STEP", right=True),
    Column("INSTRUCTION", elastic=True),
    Column("AT", spare=True),
    Column("WHY", elastic=True),
)
_FILES = "file."
_MOST_FILES = 20


class Hit(Protocol):
    """See app.explaining."""

    @property
    def made(self) -> float: ...
    @property
    def saved_s(self) -> float: ...
    @property
    def run(self) -> int: ...
    @property
    def target(self) -> str: ...
    @property
    def origin(self) -> str: ...


class Explanation(Protocol):
    """See app.explaining."""

    @property
    def run(self) -> int: ...
    @property
    def started(self) -> float: ...
    @property
    def steps(self) -> tuple[StepReport, ...]: ...
    @property
    def hits(self) -> Mapping[str, Hit]: ...
    @property
    def parts(self) -> Mapping[str, Mapping[str, str]]: ...


def explanation_json(found: Iterable[Explanation]) -> str:
    """`{"version": 1, "runs": [{"run": 3, "started": unix seconds, "steps": [{…as in the report…, "hit", "parts"}]}]}`.

    `run` is 0 for the next one. `hit` (of a cached step): `made` in unix seconds, `saved_s`, the `run` and the `target`
    that made it, or as `origin` the cache that it came from. `parts` (of a single step): what its key is made of.
    """
    runs = [
        {"run": one.run, "started": one.started, "steps": [_step(one, step) for step in one.steps]} for one in found
    ]
    return json.dumps({"version": 1, "runs": runs}, indent=2) + "\n"


def _step(one: Explanation, step: StepReport) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(step)
    hit, parts = one.hits.get(step.id), one.parts.get(step.id)
    if hit is not None:
        data["hit"] = {"made": hit.made, "saved_s": hit.saved_s, "run": hit.run, "target": hit.target}
        data["hit"] |= {"origin": hit.origin} if hit.origin else {}
    return data | ({"parts": dict(parts)} if parts else {})


def explanation_text(found: Sequence[Explanation], width: int | None = None, style: Style = _PLAIN) -> str:
    """A line for the run, its steps by stage, their counts; a blank line between two runs."""
    return "\n".join(_one(explanation, width, style) for explanation in found)


def _one(found: Explanation, width: int | None, style: Style) -> str:
    head = f"run {found.run}, started {when(found.started)}\n" if found.run else "the next build\n"
    steps = by_stage(_COLUMNS, found.steps, lambda step: _row(step, found.hits.get(step.id)), width, style)
    counts = step_counts(Counter(step.status for step in found.steps))
    saved = sum(hit.saved_s for hit in found.hits.values())
    end = ": ".join(part for part in (count(len(found.steps), "step"), counts) if part)
    end += f"; the cache saved {seconds(saved)}" if saved >= 0.1 else ""
    parts = "".join(_made_of(parts, style) for parts in found.parts.values())
    return head + steps + parts + end + "\n"


def _row(step: StepReport, hit: Hit | None) -> tuple[str, ...]:
    time = seconds(step.duration_s) if step.duration_s else ""
    why = _told_hit(hit) if hit is not None else told_reason(step)
    return (" ", step.status, time, str(step.ordinal), instruction(step), step.at, why)


def _told_hit(hit: Hit) -> str:
    if hit.origin:
        return f"from {clean(hit.origin)}, made {when(hit.made)} in {seconds(hit.saved_s)}"
    by = f"run {hit.run} for {clean(hit.target)}" if hit.run else when(hit.made)
    return f"made by {by} in {seconds(hit.saved_s)}" if hit.run else f"made {by} in {seconds(hit.saved_s)}"


def _made_of(parts: Mapping[str, str], style: Style) -> str:
    """The parts of a key, a line each; of many files the first."""
    if not parts:
        return ""
    files = [name for name in parts if name.startswith(_FILES)]
    shown = [name for name in parts if name not in set(files[_MOST_FILES:])]
    lines = [f"   {style.paint('dim', clean(name))}  {clean(parts[name]) or '(empty)'}\n" for name in shown]
    more = len(files) - _MOST_FILES
    return "  its key is made of\n" + "".join(lines) + (f"   and {count(more, 'file')} more\n" if more > 0 else "")
