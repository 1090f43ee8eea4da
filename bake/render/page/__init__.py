"""The HTML report: one file that needs nothing else, made by jinja2 with every text escaped (SPEC §2, `--report`)."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bake.events import Report, StepReport
from bake.render.logs import Logs
from bake.render.page.picture import picture
from bake.render.page.timeline import Timeline, timeline
from bake.render.sanitize import clean
from bake.render.words import STATUS, instruction, reason, seconds, size
from bake.render.words import platform as platform_of

_HERE = Path(__file__).parent
_TONES = {
    "run": "run",
    "cached": "cached",
    "failed": "failed",
    "built": "cached",
    "unchanged": "cached",
    "ok": "cached",
}


@dataclass(frozen=True)
class _Row:
    """A step as the page shows it; `needs` are numbers of other rows."""

    number: int
    step: StepReport
    text: str
    why: str
    time: str
    size: str
    log: tuple[str, ...]
    needs: tuple[int, ...]
    critical: bool


@dataclass(frozen=True)
class _Stage:
    """Steps that belong together, under their heading."""

    title: str
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _Cache:
    """A line of the cache table."""

    target: str
    steps: int
    cached: int
    ran: int
    time: str
    reasons: tuple[tuple[str, int], ...]


def report_html(report: Report, logs: Logs) -> str:
    """The page. `logs`: the last lines of each step's output."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(clean=clean, seconds=seconds, size=size, tone=lambda s: _TONES.get(s, "idle"))
    script, numbers = (_HERE / "script.js").read_text(), {step.id: n for n, step in enumerate(report.steps, 1)}
    line = timeline(report)
    rows = [_row(step, numbers, line, logs.get(step.id, ())) for step in report.steps]
    return environment.get_template("report.html").render(
        report=report,
        style=(_HERE / "style.css").read_text(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        counts=[(status, n) for status in STATUS if (n := sum(s.status == status for s in report.steps))],
        stages=list(_stages(rows)),
        caches=list(_caches(report)),
        timeline=line,
        critical=[rows[numbers[step] - 1] for step in line.critical],
        numbers=numbers,
        picture=picture(report, numbers),
        word=lambda status: STATUS[status][0].lower(),
    )


def _row(step: StepReport, numbers: dict[str, int], line: Timeline, log: tuple[str, ...]) -> _Row:
    return _Row(
        number=numbers[step.id],
        step=step,
        text=instruction(step),
        why=reason(step.why),
        time=seconds(step.duration_s) if step.duration_s else "",
        size=size(step.size) if step.size else "",
        log=log,
        needs=tuple(numbers[other] for other in step.needs if other in numbers),
        critical=step.id in line.critical,
    )


def _stages(rows: list[_Row]) -> Iterator[_Stage]:
    found: dict[tuple[str, str, str], list[_Row]] = {}
    for row in rows:
        step = row.step
        found.setdefault((step.targets[0] if step.targets else "", step.stage, platform_of(step)), []).append(row)
    for (target, stage, platform), group in found.items():
        name = f"stage {stage}" if stage.isdigit() else stage
        yield _Stage(clean(" · ".join(part for part in (target, name, platform) if part)), tuple(group))


def _caches(report: Report) -> Iterator[_Cache]:
    for name in dict.fromkeys([*report.targets, *(t for step in report.steps for t in step.targets)]):
        steps = [step for step in report.steps if name in step.targets]
        missed = [step for step in steps if step.why is not None]
        reasons = Counter(reason(step.why) for step in missed)
        if steps:
            cached = sum(step.status == "cached" for step in steps)
            ran = sum(step.status in ("run", "failed") for step in steps)
            time = seconds(sum(step.duration_s for step in steps))
            yield _Cache(clean(name), len(steps), cached, ran, time, tuple(reasons.most_common(4)))
