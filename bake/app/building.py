"""`bake build`: plan, solve, deliver, in one run whose events tell all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from time import monotonic, time
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup

from bake.app.commanded import taken_stdout
from bake.app.delivering import delivery_of
from bake.app.delivery import Delivery
from bake.app.feeding import Feeder, Walk
from bake.app.frontends import frontend_configs
from bake.app.history import remember
from bake.app.jobs import Job, check_files, jobs_of
from bake.app.keeping import Keeper, Made
from bake.app.later import refuse_keys
from bake.app.loading import Loaded, load
from bake.app.notices import Emit, found, tell_notices
from bake.app.options import Options
from bake.app.outputs import insecure_hosts
from bake.app.planning import Planned, make_plan, order_edges
from bake.app.remote_cache import RemoteCaches
from bake.app.session import Session
from bake.errors import BakeError
from bake.events import (
    Event,
    Metadata,
    Outcome,
    Report,
    RunFinished,
    RunStarted,
    StepReport,
    TargetFinished,
    TargetReport,
    TargetStatus,
)
from bake.plan.outcome import Image, Plan
from bake.ports.store import Store
from bake.render.logs import LogFold
from bake.render.report import ReportFold
from bake.solve.contents import Contents
from bake.solve.drive import Drive
from bake.solve.results import Solution, info
from bake.solve.settings import Settings
from bake.solve.tasks import Tasks

_Jobs = dict[str, tuple[Job, ...]]


@dataclass(frozen=True)
class BuildResult:
    """`errors` are what made the run fail, with their places; empty when it did not."""

    report: Report
    errors: tuple[BakeError, ...] = ()


_KEPT_LOGS = 300_000
"""Characters of output that the store keeps of a run."""


async def build(options: Options, on_event: Emit) -> BuildResult:
    """Builds and, if asked, publishes. Raises InputError or RemoteError for what is wrong before anything runs."""
    with Session(options) as session:
        fold, logs = ReportFold(), LogFold()

        def emit(event: Event) -> None:
            fold.event(event)
            logs.event(event)
            on_event(event)

        tell_notices(session, emit)
        started = time()
        if session.on_buildkit:
            from bake.app.remote import know_builders

            await know_builders(session)
        loaded = load(session)
        session.insecure |= insecure_hosts(loaded.targets.values())
        for warning in refuse_keys(loaded.targets.values()):
            emit(found(warning))
        configs = frontend_configs(session, loaded.root) if session.on_buildkit else None
        planned = await make_plan(session, loaded.targets, loaded.siblings, lambda d: emit(found(d)), configs)
        run = _Run(session, loaded, planned, emit)
        try:
            await run.go()
        finally:
            end = run.finished()
            fold.event(end)
            kept = session.store, loaded.root, options.names, started, fold.report(), run.errors
            for warning in remember(*kept, logs.logs(_KEPT_LOGS)):
                emit(found(warning))
            on_event(end)
        if run.worked:
            await tidy(session)
        return BuildResult(fold.report(), tuple(run.errors))


async def tidy(session: Session) -> None:
    """Keeps the store within its limits; what hinders that is left to the next run."""
    from bake.app.pruning import collect

    with suppress(BakeError, OSError):
        await collect(session)


@dataclass
class _Run:
    """One run: what is under way, and what came of each target."""

    session: Session
    loaded: Loaded
    planned: Planned
    emit: Emit
    errors: list[BakeError] = field(default_factory=list)
    cancelled: bool = True
    worked: bool = False
    started: float = field(default_factory=monotonic)
    walk: Walk | None = None
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.session, self.loaded.root, self.planned)

    async def go(self) -> None:
        plan = self.planned.plan
        kept = (self.session.store.root, Path.home(), Path.cwd())
        jobs = requested_jobs(plan, self.session.options, kept)
        steps = [shown for step in plan.steps if (shown := info(plan, step))]
        self.emit(
            RunStarted(
                run=uuid4().hex[:12],
                engine=self.session.engine_name,
                targets=plan.requested,
                steps=len(steps),
                platforms=tuple(dict.fromkeys(str(image.platform) for image in plan.images)),
                builders=self.session.builders,
            )
        )
        for warning in plan.warnings:
            self.emit(found(warning))
        engine = self.session.engine
        engine.warn = lambda warning: self.emit(found(warning))
        caches = RemoteCaches(self.session, plan.targets, self.emit, lambda d: self.emit(found(d)))
        delivery: Delivery | None = None
        solution = Solution({}, {})
        try:
            again = True
            while again:
                delivery = self._delivery() if jobs else None
                async with anyio.create_task_group() as group:
                    self.walk = self._make_walk(group, delivery, jobs, caches.store(plan))
                    solution = await self.walk.run()
                    self.errors += solution.errors
                    if self.errors and not self.session.options.keep_going:
                        group.cancel_scope.cancel()
                again = caches.are_wrong(self.walk, self.errors)
                if again:
                    self.errors.clear()
                elif delivery is not None and not self.errors:
                    await self.commit(delivery)
            if not self.errors:
                self.errors += await caches.write(self.walk, delivery)
            self.worked = any(report.status in ("run", "failed") for report in solution.reports.values())
            if self.worked:
                await self.sweep()
            self.cancelled = False
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            with anyio.CancelScope(shield=True):
                await engine.close()
            self._finish_targets(solution, delivery)

    def _delivery(self) -> Delivery:
        return delivery_of(self.session, self.emit, self.keeper.invoked)

    def _make_walk(self, group: TaskGroup, delivery: Delivery | None, jobs: _Jobs, store: Store) -> Walk:
        session, plan, facts = self.session, self.planned.plan, self.planned.facts
        session.fetcher.emit = self.emit

        tasks = Tasks(plan, facts, session.downloaded, session.secrets.secret, session.secrets.ssh)
        settings = Settings(
            self.loaded.root, session.jobs, session.options.keep_going, order_edges(plan),
            memory=session.memory, cpus=os.cpu_count() or 0,
        )  # fmt: skip
        contents = Contents(facts, store.layers)
        walk: Walk
        if session.on_buildkit:
            from bake.app.remote import make_walk

            walk = make_walk(session, plan, contents, tasks, settings, jobs, self.emit)
        else:
            walk = drive = Drive(plan, store, contents, session.engine, tasks, settings, self.emit)
            if isinstance(self.walk, Drive):
                drive.journal = self.walk.journal
        if delivery is not None:
            at_once = self.commit if session.options.publish == "eager" else None
            feeder = Feeder(group, delivery, jobs, plan, walk, self.errors, at_once)
            feeder.ready = partial(self.keeper.keep, walk.made)
            walk.on_state = feeder.on_state
        return walk

    async def commit(self, delivery: Delivery) -> None:
        error = await delivery.commit()
        self.errors += [error] if error is not None else []

    async def sweep(self) -> None:
        """Removes what dead processes left and only an engine can remove; what resists is left to the next run."""
        for path in self.session.store.leftovers():
            with suppress(BakeError, OSError):
                await self.session.engine.remove(path)

    def _finish_targets(self, solution: Solution, delivery: Delivery | None) -> None:
        plan = self.planned.plan
        made: Made = self.walk.made if self.walk is not None else lambda _: None
        wanted = {name: plan.image_of(name) for name in plan.targets if name in plan.requested}
        kept = iter(self.keeper.keep(made, chain.from_iterable(wanted.values())))
        parts: dict[str, list[StepReport]] = {name: [] for name in plan.targets}
        for step in solution.reports.values():
            for name in step.targets:
                parts[name].append(step)
        for name, images in wanted.items():
            target, reports, same = plan.targets[name], parts[name], list(islice(kept, len(images)))
            status = _status(reports, None not in same, self.cancelled)
            if status == "built" and same and all(same) and all(r.status == "cached" for r in reports):
                status = "unchanged"
            done = delivery.delivered.get(name) if delivery else None
            report = TargetReport(
                status=status,
                platforms=dict(done.platforms) if done else {},
                digest=done.root.digest if done else "",
                tags=target.tags,
                published=delivery is not None and name in delivery.published,
                metadata=Metadata(size=done.size if done else 0, labels=_labels(made, images)),
                duration_s=round(sum(r.duration_s for r in reports), 4),
                needs=tuple(plan.edges.get(name, ())),
            )
            self.emit(TargetFinished(name=name, target=report))

    def finished(self) -> RunFinished:
        outcome: Outcome = "cancelled" if self.cancelled and not self.errors else "failed" if self.errors else "ok"
        code = 130 if outcome == "cancelled" else max((e.exit_code for e in self.errors), default=0)
        return RunFinished(outcome=outcome, exit_code=code, duration_s=round(monotonic() - self.started, 4))


def requested_jobs(plan: Plan, options: Options, kept: Iterable[Path]) -> dict[str, tuple[Job, ...]]:
    """Target → what it is made into; targets that just stay in the store are left out. Raises InputError."""
    jobs = {name: jobs_of(plan.targets[name], options.push, options.load) for name in plan.requested}
    check_files(jobs, plan.targets, taken_stdout(options), kept)
    return {name: rows for name, rows in jobs.items() if rows}


def _labels(made: Made, images: Sequence[Image]) -> dict[str, str]:
    found = made(images[0]) if images else None
    image = found.image if found is not None else next(iter(images), None)
    return dict(image.config.config.labels or {}) if image is not None else {}


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong inside task groups, for only the first can be told."""
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _status(reports: list[StepReport], whole: bool, cancelled: bool) -> TargetStatus:
    statuses = {report.status for report in reports}
    ends: tuple[TargetStatus, ...] = ("failed", "skipped", "cancelled")
    for status in ends:
        if status in statuses:
            return status
    return "built" if whole else "cancelled" if cancelled else "skipped"
