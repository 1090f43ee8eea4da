"""`bake plan`: the solver without an engine, so that it decides exactly what a build would (DESIGN §1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bake.app.frontends import known_configs
from bake.app.jobs import Job, jobs_of
from bake.app.later import refuse_keys
from bake.app.loading import load
from bake.app.notices import Emit, found
from bake.app.options import Options
from bake.app.planning import make_plan, order_edges
from bake.app.remote_cache import RemoteCaches
from bake.app.session import Session
from bake.events import StepReport
from bake.oci.platform import parse_platform
from bake.plan.outcome import Plan
from bake.plan.step import ExecOp, StepId
from bake.ports.records import Record
from bake.solve.contents import Contents
from bake.solve.drive import Drive
from bake.solve.planned import PlannedStep, PlannedTarget, PlanReport, makespan, status_of
from bake.solve.settings import Settings
from bake.solve.slots import Slots
from bake.solve.tasks import Tasks

Order = Mapping[StepId, frozenset[StepId]]


@dataclass(frozen=True)
class Foreseen:
    """A plan, and what each of its steps that would be a hit is found as. `records` are by step id."""

    report: PlanReport
    records: Mapping[str, Record]


async def plan(options: Options, on_event: Emit) -> PlanReport:
    """Raises InputError or RemoteError; a step that cannot even be decided raises its error."""
    return (await foresee(options, on_event)).report


async def foresee(options: Options, on_event: Emit) -> Foreseen:
    """As `plan`."""
    with Session(options) as session:
        loaded = load(session)
        for warning in refuse_keys(loaded.targets.values()):
            on_event(found(warning))
        configs = known_configs(session, loaded.root, on_event) if session.on_buildkit else None
        planned = await make_plan(session, loaded.targets, loaded.siblings, lambda d: on_event(found(d)), configs)
        caches = RemoteCaches(session, planned.plan.targets, on_event, lambda d: on_event(found(d)))
        store = caches.store(planned.plan)
        tasks = Tasks(planned.plan, planned.facts, _no_blob, lambda *_: None, lambda *_: None)
        contents = Contents(planned.facts, store.layers)
        settings = Settings(loaded.root, session.jobs, True, order_edges(planned.plan))
        keys: Mapping[StepId, str] = {}
        if session.on_buildkit:
            from bake.app.remote import need_packages

            need_packages()
            from bake.engine.buildkit.predict import predict

            solution = predict(planned.plan, store, contents, tasks, loaded.root)
        else:
            drive = Drive(planned.plan, store, contents, None, tasks, settings, lambda _event: None)
            solution, keys = await drive.run(), drive.keys
        if solution.errors:
            raise solution.errors[0]
        if not session.on_buildkit:
            await _tell_foreign(planned.plan, solution.reports, session, on_event)
        slots = Slots(planned.plan, loaded.root, store.records)
        report = _told(session, planned.plan, solution.reports, slots, settings.after)
        cached = (step.id for step in report.steps if step.status == "cached" and StepId(step.id) in keys)
        records = {step: store.records.lookup(keys[StepId(step)]) for step in cached}
        return Foreseen(report, {step: record for step, record in records.items() if record is not None})


async def _tell_foreign(plan: Plan, reports: Mapping[StepId, StepReport], session: Session, on_event: Emit) -> None:
    platforms = {step.platform for step in plan.steps.values() if isinstance(step.op, ExecOp) and step.platform}
    if all(parse_platform(platform).arch == session.platform.arch for platform in platforms):
        return
    from bake.app.foreign import foreign_findings

    for warning in await foreign_findings(plan, reports, session.platform):
        on_event(found(warning))


def _told(session: Session, plan: Plan, reports: Mapping[StepId, StepReport], slots: Slots, after: Order) -> PlanReport:
    """In plan order."""
    durations = slots.last_durations()
    steps = [_step(reports[step], durations.get(step)) for step in plan.steps if step in reports]
    inputs: dict[StepId, Sequence[StepId]] = {
        step.id: (*step.inputs, *after.get(step.id, ())) for step in plan.steps.values()
    }
    will = {StepId(step.id): step.estimate_s or 0.0 for step in steps if step.status == "run"}
    may = will | {StepId(step.id): step.estimate_s or 0.0 for step in steps if step.status == "unknown"}
    options = session.options
    jobs = {name: jobs_of(plan.targets[name], options.push, options.load) for name in plan.requested}
    return PlanReport(
        steps=tuple(steps),
        targets={name: _target([s for s in steps if name in s.targets], jobs[name]) for name in plan.requested},
        estimate_s=round(makespan(inputs, will, session.jobs), 3),
        at_most_s=round(makespan(inputs, may, session.jobs), 3),
        not_estimated=sum(step.status != "cached" and step.estimate_s is None for step in steps),
    )


def _step(report: StepReport, duration: float | None) -> PlannedStep:
    estimate = None if report.status == "cached" else duration
    values = msgspec.structs.asdict(report)
    return PlannedStep(**values, estimate_s=None if estimate is None else round(estimate, 3))


def _target(steps: Sequence[PlannedStep], jobs: Sequence[Job]) -> PlannedTarget:
    push = (reference for job in jobs for reference in (*map(str, job.tags), *job.repositories))
    files = (f"{file.kind}: {file.dest or '-'}" for job in jobs for file in job.files)
    loads = (
        f"{load.engine or 'docker or podman'}: {load.context or 'this host'}" for job in jobs for load in job.loads
    )
    return PlannedTarget(status=status_of(steps), push=tuple(dict.fromkeys(push)), outputs=(*files, *loads))


def _no_blob(digest: str) -> Path:
    raise AssertionError(f"a plan reads no blob: {digest}")
