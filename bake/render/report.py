"""The report of a run (SPEC §4), folded from its events. It can be taken at any moment, of a broken run too."""

from __future__ import annotations

import msgspec

from bake.events import (
    BlobFinished,
    DiagnosticFound,
    DiagnosticInfo,
    Event,
    Report,
    RunFinished,
    RunStarted,
    StepFinished,
    StepReport,
    StepStarted,
    TargetFinished,
    TargetReport,
    Transfers,
)

_COUNTED = {"pushed": "blobs_pushed", "mounted": "blobs_mounted", "present": "blobs_present"}


class ReportFold:
    """A renderer whose picture is a `Report`."""

    def __init__(self) -> None:
        self._engine = ""
        self._requested: tuple[str, ...] = ()
        self._under_way: dict[str, StepStarted] = {}
        self._steps: dict[str, StepReport] = {}
        self._targets: dict[str, TargetReport] = {}
        self._transfers: dict[str, int] = {}
        self._diagnostics: list[DiagnosticInfo] = []
        self._end: RunFinished | None = None

    def event(self, event: Event) -> None:
        if isinstance(event, StepFinished):
            self._under_way.pop(event.step.id, None)
            self._steps[event.step.id] = event.step
        elif isinstance(event, StepStarted):
            self._under_way[event.step.id] = event
        elif isinstance(event, TargetFinished):
            self._targets[event.name] = event.target
        elif isinstance(event, BlobFinished):
            self._blob(event)
        elif isinstance(event, DiagnosticFound):
            self._diagnostics.append(event.diagnostic)
        elif isinstance(event, RunStarted):
            self._engine, self._requested = event.engine, event.targets
        elif isinstance(event, RunFinished):
            self._end = event

    def close(self) -> None:
        pass

    @property
    def diagnostics(self) -> tuple[DiagnosticInfo, ...]:
        return tuple(self._diagnostics)

    def report(self) -> Report:
        """What is known now. Steps and targets that did not end are cancelled, and so is a run that did not."""
        end = self._end or RunFinished(outcome="cancelled", exit_code=130, duration_s=0.0)
        targets = {name: TargetReport(status="cancelled") for name in self._requested} | self._targets
        return Report(
            outcome=end.outcome,
            exit_code=end.exit_code,
            engine=self._engine,
            duration_s=end.duration_s,
            targets=targets,
            steps=(*self._steps.values(), *(_cut_off(started) for started in self._under_way.values())),
            transfers=Transfers(**self._transfers),
            diagnostics=tuple(self._diagnostics),
        )

    def _blob(self, event: BlobFinished) -> None:
        self._add(f"{event.direction}ed_bytes", event.bytes)
        if event.direction == "push" and event.outcome in _COUNTED:
            self._add(_COUNTED[event.outcome], 1)

    def _add(self, name: str, amount: int) -> None:
        self._transfers[name] = self._transfers.get(name, 0) + amount


def report_json(report: Report) -> str:
    """Indented, ending in a newline."""
    return msgspec.json.format(encode(report), indent=2).decode() + "\n"


def encode(value: msgspec.Struct) -> bytes:
    """One line of JSON, whatever the texts hold: a lone surrogate (of a file name that is no UTF-8) is escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json

        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def _cut_off(started: StepStarted) -> StepReport:
    info = msgspec.structs.asdict(started.step)
    return StepReport(**info, status="cancelled", why=started.why, started_s=started.started_s)
