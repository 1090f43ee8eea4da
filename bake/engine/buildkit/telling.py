"""What front ends say of their images, before anything stands on these: known from the last time, or asked."""

from __future__ import annotations

from bake.engine.buildkit.board import Board
from bake.engine.buildkit.build import Build
from bake.engine.buildkit.choice import Work, platforms_run
from bake.engine.buildkit.decide import Decider, Decisions
from bake.engine.buildkit.images import Images, config_of
from bake.engine.buildkit.pool import Pool
from bake.engine.buildkit.settings import BuildSettings
from bake.errors import BakeError
from bake.oci.model import ImageConfig
from bake.oci.platform import parse_platform
from bake.plan.outcome import HistoryLine, Image, LayerRef, Plan
from bake.plan.placing import placed
from bake.plan.step import StepId
from bake.ports.store import Store
from bake.solve.capacity import Amount
from bake.solve.contents import Contents
from bake.solve.journal import Journal
from bake.solve.results import missing_source
from bake.solve.slots import Slots
from bake.solve.tasks import Tasks


def decided(plan: Plan, store: Store, contents: Contents, tasks: Tasks, root: str) -> Decisions:
    """The keys of a front end's step and of all that it stands on. Raises StepError for a source that is missing."""
    slots = Slots(plan, root, store.records)
    made = Decider(plan, store, contents, slots, tuple(tasks.sensitive)).decide()
    for step, error in made.missing.items():
        raise missing_source(step, plan, error)
    return made


def known_config(step: StepId, store: Store, decisions: Decisions) -> ImageConfig | None:
    """As it was said when this was last built."""
    return config_of(store.files, decisions.keys[step])


async def asked_config(
    step: StepId, plan: Plan, store: Store, decisions: Decisions, pool: Pool, tasks: Tasks, how: BuildSettings
) -> ImageConfig:
    """Runs the front end on a builder. Raises what it fails with, at its place."""
    platform = parse_platform(plan.steps[step].platform)
    origin = next(iter(plan.origins.get(step, ())), None)
    name = origin.target if origin is not None else ""
    image = Image(name, platform, step, ImageConfig(), (LayerRef(step),), (HistoryLine("", step),), opaque=step)
    board = Board(Journal(plan, lambda _event: None), plan.steps, lambda _step: None)
    work = Work(name, step, platforms_run(plan.steps, plan.steps, str(platform)))
    candidate = pool.next_for(work)
    if candidate is None:
        raise pool.none_for(work)
    try:
        async with pool.use(candidate, Amount()) as site:
            build = Build(site, image, plan.steps, tasks, board, Images(plan, store, decisions), how)
            return (await build.configs())[step]
    except BakeError as error:
        error.diagnostics = tuple(placed(diagnostic, plan.origins.get(step, ())) for diagnostic in error.diagnostics)
        raise
