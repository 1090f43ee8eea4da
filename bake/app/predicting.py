"""`bake plan`: the solver without an engine, so that it decides exactly what a build would (DESIGN §1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bake.app.later import refuse_keys
from bake.app.loading import load
from bake.app.notices import Emit, found
from bake.app.options import Options
from bake.app.planning import make_plan, order_edges
from bake.app.remote_cache import RemoteCaches
from bake.app.session import Session
from bake.events import StepReport
from bake.plan.step import StepId
from bake.solve.contents import Contents
from bake.solve.drive import Drive
from bake.solve.settings import Settings
from bake.solve.tasks import Tasks


@dataclass(frozen=True)
class Prediction:
    """Instruction steps in plan order, each `cached`, `run` or `unknown`."""

    steps: tuple[StepReport, ...]


async def plan(options: Options, on_event: Emit) -> Prediction:
    """Raises InputError or RemoteError; a step that cannot even be decided raises its error."""
    with Session(options) as session:
        loaded = load(session)
        for warning in refuse_keys(loaded.targets.values()):
            on_event(found(warning))
        planned = await make_plan(session, loaded.targets, loaded.siblings, lambda d: on_event(found(d)))
        caches = RemoteCaches(session, planned.plan.targets, on_event, lambda d: on_event(found(d)))
        store = caches.store(planned.plan)
        tasks = Tasks(planned.plan, planned.facts, _no_blob, lambda *_: None, lambda *_: None)
        contents = Contents(planned.facts, store.layers)
        settings = Settings(loaded.root, session.jobs, True, order_edges(planned.plan))
        if session.on_buildkit:
            from bake.app.remote import need_packages

            need_packages()
            from bake.engine.buildkit.predict import predict

            solution = predict(planned.plan, store, contents, tasks, loaded.root)
        else:
            solution = await Drive(planned.plan, store, contents, None, tasks, settings, lambda _event: None).run()
        if solution.errors:
            raise solution.errors[0]
        order: Callable[[StepId], int] = list(planned.plan.steps).index
        return Prediction(tuple(solution.reports[step] for step in sorted(solution.reports, key=order)))


def _no_blob(digest: str) -> Path:
    raise AssertionError(f"a plan reads no blob: {digest}")
