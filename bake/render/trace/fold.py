"""Events of a run to spans: one for the run, each target, each step and each blob that was pushed or pulled.

The events tell how long, the clock tells when: a span ends when its event comes. What did not end, as when the run was
interrupted, ends with the run. Sensitive values are in no event, and what steps print is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import time_ns

import msgspec

from bake.events import (
    BlobFinished,
    BlobStarted,
    DiagnosticFound,
    DiagnosticInfo,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepReport,
    StepStarted,
    TagPublished,
    TargetFinished,
    TargetReport,
)
from bake.render.trace.span import Attributes, Moment, Span

_ROOT = "run"
_Times = tuple[int, int]


class SpanFold:
    """A renderer whose picture is a trace. `name` is what the run is called, `clock` gives unix nanoseconds."""

    def __init__(self, name: str, clock: Callable[[], int] = time_ns) -> None:
        self._name = name
        self._clock = clock
        self._start = clock()
        self._run: RunStarted | None = None
        self._under_way: dict[str, tuple[StepStarted, int]] = {}
        self._steps: dict[str, tuple[StepReport, _Times]] = {}
        self._targets: dict[str, tuple[TargetReport, int]] = {}
        self._loading: dict[str, tuple[BlobStarted, int]] = {}
        self._blobs: dict[str, tuple[BlobFinished, _Times]] = {}
        self._published: list[tuple[TagPublished, int]] = []
        self._diagnostics: list[tuple[DiagnosticInfo, int]] = []

    def event(self, event: Event) -> None:
        now = self._clock()
        match event:
            case RunStarted():
                self._run = event
            case StepStarted():
                self._under_way[event.step.id] = event, now
            case StepFinished():
                self._under_way.pop(event.step.id, None)
                self._steps[event.step.id] = event.step, (now - int(event.step.duration_s * 1e9), now)
            case TargetFinished():
                self._targets[event.name] = event.target, now
            case BlobStarted():
                self._loading[_blob(event)] = event, now
            case BlobFinished():
                _, start = self._loading.pop(_blob(event), (None, now))
                self._blobs[_blob(event)] = event, (start, now)
            case TagPublished():
                self._published.append((event, now))
            case DiagnosticFound():
                self._diagnostics.append((event.diagnostic, now))

    def close(self) -> None:
        pass

    def spans(self, end: RunFinished) -> tuple[Span, ...]:
        """The whole trace, parents before their children."""
        now = self._clock()
        below = [*self._step_spans(now), *self._blob_spans(now)]
        return (self._root(end, now), *self._target_spans(below), *below)

    def _root(self, end: RunFinished, now: int) -> Span:
        attributes: Attributes = {"bake.outcome": end.outcome, "bake.exit_code": end.exit_code}
        if self._run is not None:
            attributes |= {"bake.run": self._run.run, "bake.engine": self._run.engine}
            attributes |= {"bake.targets": self._run.targets, "bake.steps": self._run.steps}
        errors = [found for found, _ in self._diagnostics if found.severity == "error"]
        if errors:
            attributes["error.type"] = errors[0].code
        bad = {"failed": errors[0].message if errors else "failed", "cancelled": "interrupted"}
        moments = tuple(Moment(at, "diagnostic", _told(found)) for found, at in self._diagnostics)
        return Span(_ROOT, None, self._name, self._start, now, attributes, bad.get(end.outcome), moments=moments)

    def _target_spans(self, below: list[Span]) -> Iterator[Span]:
        """A target lasts from the first to the last that was done for it."""
        requested = self._run.targets if self._run else ()
        of_steps = (name for step, *_ in self._all_steps(0) for name in step.targets)
        within: dict[str | None, list[_Times]] = {}
        for span in below:
            for key in (span.parent, *(key for key, kind in span.links if kind == "target")):
                within.setdefault(key, []).append((span.start, span.end))
        for name in dict.fromkeys((*requested, *self._targets, *of_steps)):
            report, told = self._targets.get(name, (None, self._start))
            moments = tuple(Moment(at, "published", _of_tag(tag)) for tag, at in self._published if tag.target == name)
            times = within.get(_target(name), [])
            start = min((start for start, _ in times), default=told)
            end = max((start, *(end for _, end in times), *(moment.at for moment in moments)))
            error = "failed" if report is not None and report.status == "failed" else None
            told_of = _of_target(name, report)
            yield Span(_target(name), _ROOT, f"target {name}", start, end, told_of, error, moments=moments)

    def _all_steps(self, now: int) -> Iterator[tuple[StepReport, _Times]]:
        yield from self._steps.values()
        for started, at in self._under_way.values():
            yield _cut_off(started), (at, now)

    def _step_spans(self, now: int) -> Iterator[Span]:
        rows = list(self._all_steps(now))
        known = {step.id for step, _ in rows}
        for step, (start, end) in rows:
            first, *others = step.targets or ("",)
            links = [(_target(name), "target") for name in others]
            links += [(_step(need), "needs") for need in step.needs if need in known]
            error = None
            if step.status == "failed":
                error = f"exit code {step.exit_code}" if step.exit_code is not None else "failed"
            parent = _target(first) if first else _ROOT
            name = f"step {step.stage}.{step.ordinal}"
            yield Span(_step(step.id), parent, name, start, end, _of_step(step), error, tuple(links))

    def _blob_spans(self, now: int) -> Iterator[Span]:
        for key, (blob, (start, end)) in self._blobs.items():
            attributes = _of_blob(blob) | {"bake.blob.outcome": blob.outcome, "bake.blob.bytes": blob.bytes}
            error = "failed" if blob.outcome == "failed" else None
            yield Span(key, self._owner(blob), f"{blob.direction} blob", start, end, attributes, error)
        for key, (begun, start) in self._loading.items():
            attributes = _of_blob(begun) | {"bake.blob.outcome": "cancelled"}
            yield Span(key, self._owner(begun), f"{begun.direction} blob", start, now, attributes)

    def _owner(self, blob: BlobStarted | BlobFinished) -> str:
        """The only target that has tags in this repository, else the run: events of blobs name no target."""
        if blob.direction == "pull":
            return _ROOT
        of = [name for name, (report, _) in self._targets.items() if blob.repository in map(_repository, report.tags)]
        return _target(of[0]) if len(of) == 1 else _ROOT


def _target(name: str) -> str:
    return f"target:{name}"


def _step(id: str) -> str:
    return f"step:{id}"


def _blob(event: BlobStarted | BlobFinished) -> str:
    return f"blob:{event.direction}:{event.repository}:{event.digest}"


def _repository(tag: str) -> str:
    head, slash, last = tag.rpartition("/")
    return head + slash + last.partition(":")[0]


def _of_step(step: StepReport) -> Attributes:
    attributes: Attributes = {
        "bake.step.id": step.id,
        "bake.step.status": step.status,
        "bake.step.cached": step.status == "cached",
        "bake.step.stage": step.stage,
        "bake.step.ordinal": step.ordinal,
        "bake.step.instruction": step.instruction,
        "bake.step.at": step.at,
        "bake.step.size": step.size,
        "bake.platform": step.platform,
        "bake.platform.target": step.target_platform or step.platform,
        "bake.targets": step.targets,
    }
    if step.builder:
        attributes["bake.step.builder"] = step.builder
    if step.why is not None:
        attributes |= {"bake.step.why.kind": step.why.kind, "bake.step.why.detail": step.why.detail}
    if step.exit_code is not None:
        attributes["bake.step.exit_code"] = step.exit_code
    return attributes


def _of_target(name: str, report: TargetReport | None) -> Attributes:
    if report is None:
        return {"bake.target": name}
    return {
        "bake.target": name,
        "bake.target.status": report.status,
        "bake.target.digest": report.digest,
        "bake.target.platforms": tuple(report.platforms),
        "bake.target.tags": report.tags,
        "bake.target.published": report.published,
        "bake.target.needs": report.needs,
        "bake.target.size": report.metadata.size,
    }


def _of_blob(blob: BlobStarted | BlobFinished) -> Attributes:
    return {
        "bake.blob.digest": blob.digest,
        "bake.blob.direction": blob.direction,
        "bake.blob.size": blob.size,
        "bake.blob.repository": blob.repository,
    }


def _of_tag(tag: TagPublished) -> Attributes:
    return {"bake.tag": tag.tag, "bake.digest": tag.digest, "bake.unchanged": tag.unchanged}


def _told(found: DiagnosticInfo) -> Attributes:
    told: Attributes = {"bake.code": found.code, "bake.severity": found.severity, "bake.message": found.message}
    if found.file:
        told |= {"code.file.path": found.file, "code.line.number": found.line}
    return told


def _cut_off(started: StepStarted) -> StepReport:
    return StepReport(**msgspec.structs.asdict(started.step), status="cancelled", why=started.why)
