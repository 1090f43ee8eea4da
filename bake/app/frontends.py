"""Front ends of somebody else, as plans need them: what stands on an image must know its config."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from bake.app.notices import Emit, found
from bake.app.planning import Configs
from bake.app.session import Session
from bake.errors import Diagnostic
from bake.oci.model import ImageConfig
from bake.plan.facts import Facts
from bake.plan.outcome import Plan
from bake.plan.step import StepId
from bake.solve.contents import Contents
from bake.solve.tasks import Tasks

if TYPE_CHECKING:
    from bake.engine.buildkit.decide import Decisions

_Otherwise = Callable[[StepId, Plan, Tasks, "Decisions"], Awaitable[ImageConfig]]


def frontend_configs(session: Session, root: str) -> Configs:
    """Asks the front ends that have not said it yet, on the builders of the session."""

    async def configs(wanted: Mapping[StepId, Plan], facts: Facts) -> Mapping[StepId, ImageConfig]:
        from bake.app.remote import make_pool
        from bake.engine.buildkit.settings import BuildSettings
        from bake.engine.buildkit.solve import Caches
        from bake.engine.buildkit.telling import asked_config

        pool = make_pool(session)
        how = BuildSettings(
            session.store, str(session.platform), lambda _: ("gzip", 1), lambda _: "nothing", lambda _: Caches(),
            lambda _: None, {},
        )  # fmt: skip

        async def ask(step: StepId, plan: Plan, tasks: Tasks, decisions: Decisions) -> ImageConfig:
            return await asked_config(step, plan, session.store, decisions, pool, tasks, how)

        try:
            return await _all(session, root, wanted, facts, ask)
        finally:
            await pool.close()

    return configs


def known_configs(session: Session, root: str, on_event: Emit) -> Configs:
    """What the front ends said when they were last run; nobody is asked, so what never was is unknown."""

    async def unknown(step: StepId, plan: Plan, tasks: Tasks, decisions: Decisions) -> ImageConfig:
        del tasks, decisions
        origin = plan.origins[step][0]
        message = (
            f"what the front end of '{origin.target}' makes is known when it has been run; "
            "what stands on its image is told as if that said nothing"
        )
        on_event(found(Diagnostic("frontend-unknown", message, origin.span, severity="info")))
        return ImageConfig()

    async def configs(wanted: Mapping[StepId, Plan], facts: Facts) -> Mapping[StepId, ImageConfig]:
        return await _all(session, root, wanted, facts, unknown)

    return configs


async def _all(
    session: Session, root: str, wanted: Mapping[StepId, Plan], facts: Facts, otherwise: _Otherwise
) -> Mapping[StepId, ImageConfig]:
    from bake.app.remote import need_packages

    need_packages()
    from bake.engine.buildkit.telling import decided, known_config

    made: dict[StepId, ImageConfig] = {}
    for step, plan in wanted.items():
        tasks = Tasks(plan, facts, session.downloaded, session.secrets.secret, session.secrets.ssh)
        decisions = decided(plan, session.store, Contents(facts, session.store.layers), tasks, root)
        known = known_config(step, session.store, decisions)
        made[step] = known if known is not None else await otherwise(step, plan, tasks, decisions)
    return made
