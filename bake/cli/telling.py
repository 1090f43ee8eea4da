"""A run as the command line tells it: events to the renderer and the report, then errors, report files, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from bake.cli.defect import Defect
from bake.cli.errors import failures, show, untold
from bake.cli.interrupt import run_async
from bake.errors import BakeError, Diagnostic, InputError, Interrupted
from bake.events import DiagnosticFound, DiagnosticInfo, Event, Outcome, Report, RunFinished
from bake.render.diagnostics import info_of
from bake.render.forms import form_of
from bake.render.logs import LogFold, Logs
from bake.render.renderer import Progress, Renderer, renderer_for
from bake.render.report import ReportFold, report_json

if TYPE_CHECKING:
    from bake.render.trace.tracing import Tracing

Emit = Callable[[Event], None]
_STOPPING = DiagnosticInfo(
    code="interrupted", severity="info", message="stopping", hint="interrupt once more to end at once"
)


class Result(Protocol):
    """What a run of `app` returns: the errors that made it fail, whose diagnostics have their source lines."""

    @property
    def errors(self) -> tuple[BakeError, ...]: ...


@dataclass(frozen=True)
class View:
    """`reports` are files to write; `as_json` prints the report on stdout."""

    progress: Progress = "auto"
    reports: Sequence[str] = ()
    as_json: bool = False


def tell(work: Callable[[Emit], Awaitable[Result]], view: View) -> int:
    """Runs `work`, shows it, writes the reports, whatever happens; returns the exit code."""
    by_events = view.progress == "json"  # else errors are shown with their source lines, when all else is out
    telling = Telling(renderer_for(view.progress, sys.stderr, os.environ), by_events)
    raised: tuple[BaseException, ...] = ()
    errors: tuple[BakeError, ...] = ()
    try:
        errors = run_async(lambda: work(telling.event), telling.interrupted, telling.close).errors
    except BaseException as exception:
        raised = (exception,)
    report, errors = telling.end(errors, raised)
    if not by_events:
        show(errors if raised else untold(errors))
    show(write_reports(report, telling.logs(), view.reports))
    unwritten = show(_print(report)) if view.as_json else 0
    telling.send_trace()  # at last: nothing that a user waits for waits for a collector
    return report.exit_code or unwritten


class Telling:
    """One stream of events on its way. `RunFinished` is held back until all that is to be said before it is said."""

    def __init__(self, renderer: Renderer, errors_too: bool) -> None:
        self._renderer = renderer
        self._errors_too = errors_too
        self._fold = ReportFold()
        self._logs = LogFold()
        self._finished: RunFinished | None = None
        self._interrupted = False
        self._started = monotonic()
        self._tracing = _tracing()
        self._end: RunFinished | None = None

    def event(self, event: Event) -> None:
        if isinstance(event, RunFinished):
            self._finished = event
            return
        self._fold.event(event)
        self._logs.event(event)
        if self._tracing is not None:
            self._tracing.event(event)
        self._renderer.event(event)

    def send_trace(self) -> None:
        """To where OpenTelemetry's variables say; that it cannot be sent is told, and changes nothing else."""
        if self._tracing is None or self._end is None:
            return
        found = self._tracing.send(self._end)
        if not self._errors_too:
            show([BakeError(found)])
            return
        with suppress(OSError, ValueError):  # nobody is there to be told
            for diagnostic in found:
                self._renderer.event(DiagnosticFound(diagnostic=info_of(diagnostic)))

    def logs(self) -> Logs:
        """What the steps printed last."""
        return self._logs.logs()

    def interrupted(self) -> None:
        self._interrupted = True
        self.event(DiagnosticFound(diagnostic=_STOPPING))

    def close(self) -> None:
        self._renderer.close()

    def end(
        self, errors: tuple[BakeError, ...], raised: Sequence[BaseException]
    ) -> tuple[Report, tuple[BakeError, ...]]:
        """The report, and all errors there were. `raised` is what came instead of a result."""
        for exception in raised:
            errors += failures(exception)
        if raised and self._interrupted:  # what breaks while stopping is no news, unless it is our own fault
            errors = tuple(e for e in errors if isinstance(e, Defect)) or (Interrupted(()),)
        try:
            self._last(errors, self._ending(errors, bool(raised)))
        except Exception as exception:
            errors += failures(exception)
            self._end = self._ending(errors, True)
            self._fold.event(self._end)
        return self._fold.report(), errors

    def _last(self, errors: Sequence[BakeError], end: RunFinished) -> None:
        known = self._fold.diagnostics
        for info in dict.fromkeys(info_of(d) for error in errors for d in error.diagnostics):
            if info not in known:
                self._error(DiagnosticFound(diagnostic=info))
        self._fold.event(end)
        self._end = end
        self._renderer.event(end)
        self._renderer.close()

    def _error(self, event: DiagnosticFound) -> None:
        self._fold.event(event)
        if self._tracing is not None:
            self._tracing.event(event)
        if self._errors_too:
            self._renderer.event(event)

    def _ending(self, errors: Sequence[BakeError], raised: bool) -> RunFinished:
        if self._finished is not None and not raised:
            return self._finished
        code = max((error.exit_code for error in errors), default=0)
        outcome: Outcome = (
            "cancelled" if any(isinstance(e, Interrupted) for e in errors) else "failed" if errors else "ok"
        )
        return RunFinished(outcome=outcome, exit_code=code, duration_s=round(monotonic() - self._started, 4))


def _tracing() -> Tracing | None:
    if not any(name.startswith("OTEL_") for name in os.environ):
        return None
    import click

    from bake.render.trace.tracing import tracing_of

    command = click.get_current_context(silent=True)
    return tracing_of(f"bake {command.info_name}" if command is not None else "bake", os.environ)


def write_reports(report: Report, logs: Logs, names: Sequence[str]) -> list[BakeError]:
    """Writes all that can be written; returns what could not. That spoils no build."""
    unwritten: list[BakeError] = []
    for name in names:
        try:
            text = form_of(name)(report, logs, os.environ)
            Path(name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            unwritten.append(InputError(Diagnostic("report", f"cannot write the report: {error}")))
        except Exception as error:  # a defect of a form loses neither the build nor the other forms
            unwritten += failures(error)
    return unwritten


def _print(report: Report) -> list[BakeError]:
    try:
        sys.stdout.write(report_json(report))
        sys.stdout.flush()
    except OSError as error:
        return list(failures(error))
    return []
