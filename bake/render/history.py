"""`bake history`: the last runs as a table, and one of them told once more."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from bake.events import (
    DiagnosticFound,
    Event,
    Report,
    RunFinished,
    RunStarted,
    StepFinished,
    StepInfo,
    StepLog,
    StepStarted,
    TargetFinished,
)
from bake.render.logs import Logs
from bake.render.report import encode
from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import seconds, step_counts

_PLAIN = Style()
_COLUMNS = (
    Column("RUN", right=True),
    Column("STARTED"),
    Column("OUTCOME"),
    Column("TIME", right=True),
    Column("STEPS", spare=True),
    Column("TARGETS", elastic=True),
    Column("DIRECTORY", elastic=True, spare=True),
)


class Kept(Protocol):
    """A run that was kept; `started` in unix seconds."""

    @property
    def number(self) -> int: ...

    @property
    def started(self) -> float: ...

    @property
    def root(self) -> str: ...

    @property
    def report(self) -> Report: ...


def when(moment: float) -> str:
    """A time of day as people here write it, to the second."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")


def history_text(runs: Sequence[Kept], width: int | None = None, style: Style = _PLAIN) -> str:
    """A line a run; the directories only when there are several."""
    several = len({run.root for run in runs}) > 1
    rows = [(*_row(run), clean(run.root) if several else "") for run in runs]
    return table(_COLUMNS, rows, width, style) or "no run is kept yet\n"


def _row(run: Kept) -> tuple[str, ...]:
    report = run.report
    steps = step_counts(Counter(step.status for step in report.steps))
    targets = clean(", ".join(report.targets))
    return (str(run.number), when(run.started), report.outcome, seconds(report.duration_s), steps, targets)


def history_json(runs: Sequence[Kept]) -> str:
    """`{"version": 1, "runs": [{"run", "started", "directory", "outcome", "exit_code", "duration_s", "targets"}]}`.

    `started` in unix seconds; `targets` is name → status; the whole of a run is `bake history RUN --json`.
    """
    rows = [
        {
            "run": run.number,
            "started": run.started,
            "directory": run.root,
            "outcome": run.report.outcome,
            "exit_code": run.report.exit_code,
            "duration_s": run.report.duration_s,
            "steps": dict(Counter(step.status for step in run.report.steps)),
            "targets": {name: target.status for name, target in run.report.targets.items()},
        }
        for run in runs
    ]
    return json.dumps({"version": 1, "runs": rows}, indent=2, ensure_ascii=False) + "\n"


def run_json(run: Kept) -> str:
    """The report as `bake build --json` printed it, with `run`, `started` and `directory` before it."""
    head = {"run": run.number, "started": run.started, "directory": run.root}
    return json.dumps(head | json.loads(encode(run.report)), indent=2) + "\n"


def events_of(report: Report, logs: Logs | None = None) -> Iterator[Event]:
    """A run told again from its report, for any renderer, with what its steps printed as far as it is in `logs`."""
    yield RunStarted(run="", engine=report.engine, targets=tuple(report.targets), steps=len(report.steps))
    yield from (DiagnosticFound(diagnostic=found) for found in report.diagnostics)
    for step in report.steps:
        lines = (logs or {}).get(step.id, ())
        if lines:
            info = {name: getattr(step, name) for name in StepInfo.__struct_fields__}
            yield StepStarted(step=StepInfo(**info), why=step.why, started_s=step.started_s)
        yield from (StepLog(id=step.id, stream="stdout", text=line) for line in lines)
        yield StepFinished(step=step)
    yield from (TargetFinished(name=name, target=target) for name, target in report.targets.items())
    yield RunFinished(outcome=report.outcome, exit_code=report.exit_code, duration_s=report.duration_s)
