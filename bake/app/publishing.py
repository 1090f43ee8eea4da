"""`bake push`: what the last build of each target made goes to its registries; nothing is built."""

from __future__ import annotations

from time import monotonic
from uuid import uuid4

from bake.app.building import BuildResult, Emit, found, tell_notices
from bake.app.delivering import delivery_of
from bake.app.delivery import Delivery
from bake.app.jobs import jobs_of
from bake.app.loading import Loaded, load
from bake.app.options import Options
from bake.app.outputs import insecure_hosts
from bake.app.results import Built, decode, name_of
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.events import Event, Metadata, Outcome, RunFinished, RunStarted, TargetFinished, TargetReport, TargetStatus
from bake.image.attest.invocation import Invocation
from bake.plan.compile import platforms_of
from bake.render.report import ReportFold
from bake.spec.target import Target


async def push(options: Options, on_event: Emit) -> BuildResult:
    """Raises InputError when a target was never built or has no tags."""
    fold, started = ReportFold(), monotonic()

    def emit(event: Event) -> None:
        fold.event(event)
        on_event(event)

    with Session(options) as session:
        tell_notices(session, emit)
        loaded = load(session)
        session.insecure |= insecure_hosts(loaded.targets.values())
        records = {name: _records(session, loaded, target) for name, target in loaded.targets.items()}
        emit(RunStarted(run=uuid4().hex[:12], engine="embedded", targets=tuple(records), steps=0))
        errors: list[BakeError] = []
        delivery = delivery_of(session, emit, lambda name, platform: _invocation(records[name], platform))
        try:
            for name, rows in records.items():
                jobs = [job for job in jobs_of(loaded.targets[name], True) if job.pushes]
                if not jobs:
                    emit(found(_never(loaded.targets[name])))
                for job in jobs:
                    await delivery.send(job, [(row.image(), row.states) for row in rows])
            problem = await delivery.commit()
            errors += [problem] if problem is not None else []
        except BakeError as error:
            errors.append(error)
        finally:
            await session.engine.close()
        for name in records:
            emit(TargetFinished(name=name, target=_report(loaded.targets[name], delivery, bool(errors))))
        code = max((error.exit_code for error in errors), default=0)
        outcome: Outcome = "failed" if errors else "ok"
        emit(RunFinished(outcome=outcome, exit_code=code, duration_s=round(monotonic() - started, 4)))
        return BuildResult(fold.report(), tuple(errors))


def _records(session: Session, loaded: Loaded, target: Target) -> list[Built]:
    if not target.tags:
        message = f"target '{target.name}' has no tags, so there is nowhere to push it to"
        raise InputError(Diagnostic("no-tags", message, target.span(""), "add `tags`"))
    rows: list[Built] = []
    for platform in platforms_of(target, session.platform):
        data = session.store.results.load(name_of(loaded.root, target.name, str(platform)))
        if data is None:
            message = f"target '{target.name}' was not built for {platform} yet"
            raise InputError(Diagnostic("not-built", message, target.span(""), f"bake {target.name}"))
        record = decode(data)
        if not record.here:
            message = f"target '{target.name}' was built for {platform} on a builder, and its layers are still there"
            hint = f"bake {target.name} --push fetches and publishes them"
            raise InputError(Diagnostic("not-here", message, target.span(""), hint))
        rows.append(record)
    return rows


def _never(target: Target) -> Diagnostic:
    message = f"target '{target.name}' is not published: it says push = false"
    return Diagnostic("not-pushed", message, target.span("push"), severity="info")


def _invocation(rows: list[Built], platform: str) -> Invocation | None:
    return next((row.made for row in rows if row.platform == platform), None)


def _report(target: Target, delivery: Delivery, failed: bool) -> TargetReport:
    done, published = delivery.delivered.get(target.name), target.name in delivery.published
    status: TargetStatus = "failed" if failed and not published else "unchanged" if done else "skipped"
    return TargetReport(
        status=status,
        platforms=dict(done.platforms) if done else {},
        digest=done.root.digest if done else "",
        tags=target.tags,
        published=published,
        metadata=Metadata(size=done.size if done else 0),
    )
