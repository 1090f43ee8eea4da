"""`bake push`: what the last build of each target made goes to its registries; nothing is built."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from uuid import uuid4

from bake.app.building import BuildResult
from bake.app.delivering import delivery_of
from bake.app.delivery import Delivery
from bake.app.jobs import jobs_of
from bake.app.loading import Loaded, load
from bake.app.notices import Emit, found, tell_notices
from bake.app.options import Options
from bake.app.outputs import insecure_hosts
from bake.app.results import Built, decode, name_of
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.events import Event, Metadata, Outcome, RunFinished, RunStarted, TargetFinished, TargetReport, TargetStatus
from bake.image.attest.values import Invocation
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
        delivery = delivery_of(session, emit, lambda name, platform: _invocation(records[name], platform))
        try:
            errors = await _deliver(delivery, loaded.targets, records, emit)
        finally:
            await session.engine.close()
        for name in records:
            emit(TargetFinished(name=name, target=_report(loaded.targets[name], delivery, bool(errors))))
        code = max((error.exit_code for error in errors), default=0)
        outcome: Outcome = "failed" if errors else "ok"
        emit(RunFinished(outcome=outcome, exit_code=code, duration_s=round(monotonic() - started, 4)))
        return BuildResult(fold.report(), tuple(errors))


async def _deliver(
    delivery: Delivery, targets: Mapping[str, Target], records: Mapping[str, Sequence[Built]], emit: Emit
) -> list[BakeError]:
    """Sends all images at once, then moves all tags; what went wrong, which is nothing when all of them moved."""
    from bake.registry.publication import PublishError
    from bake.registry.together import together

    errors: list[BakeError] = []

    def sending(name: str) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            try:
                jobs = [job for job in jobs_of(targets[name], True) if job.pushes]
                if not jobs:
                    emit(found(_never(targets[name])))
                for job in jobs:
                    job = replace(job, files=(), loads=(), unpack=False)  # those were made by the build
                    await delivery.send(job, [(row.image(), row.states) for row in records[name]])
            except PublishError:
                pass  # the publisher keeps its failures, and commit tells them for all images together
            except BakeError as error:
                errors.append(error)

        return send

    await together([sending(name) for name in records])
    problem = None if errors else await delivery.commit()
    return errors + ([problem] if problem is not None else [])


def _records(session: Session, loaded: Loaded, target: Target) -> list[Built]:
    if not target.tags:
        message = f"target '{target.name}' has no tags, so there is nowhere to push it to"
        raise InputError(Diagnostic("no-tags", message, target.span(""), "add `tags`"))
    rows: list[Built] = []
    for platform in platforms_of(target, session.platform):
        record = decode(session.store.results.load(name_of(loaded.root, target.name, str(platform))))
        if record is None:
            message = f"target '{target.name}' was not built for {platform} yet"
            raise InputError(Diagnostic("not-built", message, target.span(""), f"bake {target.name}"))
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
