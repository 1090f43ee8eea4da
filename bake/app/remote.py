"""The BuildKit engine as `bake build` uses it: its pool, logins, names of steps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import getnode

from bake.app.jobs import Job
from bake.app.session import Session
from bake.errors import Diagnostic, HostError
from bake.events import DiagnosticFound, Event
from bake.image.form import Compression, level_of
from bake.plan.outcome import Plan
from bake.render.diagnostics import info_of
from bake.solve.contents import Contents
from bake.solve.results import info
from bake.solve.settings import Settings
from bake.solve.tasks import Tasks

if TYPE_CHECKING:
    from bake.engine.buildkit.pool import Pool
    from bake.engine.buildkit.services.auth import Ask
    from bake.engine.buildkit.settings import Wanted
    from bake.engine.buildkit.walk import Walk

_EXTRA = ("grpclib", "h2", "google")


def make_walk(
    session: Session, plan: Plan, contents: Contents, tasks: Tasks, settings: Settings,
    jobs: Mapping[str, tuple[Job, ...]], emit: Callable[[Event], None],
) -> Walk:  # fmt: skip
    """Raises InputError for builders that cannot be, HostError when the packages for them are missing."""
    pool = make_pool(session)
    from bake.engine.buildkit.settings import BuildSettings
    from bake.engine.buildkit.walk import Walk

    def form(target: str) -> tuple[str, int]:
        wanted = jobs[target][0].form.compression if target in jobs else Compression()
        return wanted.kind, level_of(wanted.kind, wanted.level)

    def wanted(target: str) -> Wanted:
        if session.options.fetch or any(not job.plain for job in jobs.get(target, ())):
            return "layers"
        return "files" if target in jobs else "nothing"

    def tell(diagnostic: Diagnostic) -> None:
        emit(DiagnosticFound(diagnostic=info_of(diagnostic)))

    from bake.app.remote_caches import caches_of

    caches = {name: caches_of(plan.targets[name], tell) for name in plan.requested}
    shown = {id: f"[{step.stage}] {step.instruction}" for id in plan.steps if (step := info(plan, id)) is not None}
    how = BuildSettings(session.store, str(session.platform), form, wanted, caches.__getitem__, tell, shown)
    return Walk(plan, session.store, contents, pool, tasks, settings, emit, how)


def need_packages() -> None:
    """Raises HostError when the packages of the extra `buildkit` are missing."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in _EXTRA):
        hint = "pip install 'bake[buildkit]'"
        raise HostError(Diagnostic("no-buildkit", "the packages for builders are not installed", hint=hint))


def make_pool(session: Session) -> Pool:
    """The builders of this run. Raises as `make_walk` does."""
    need_packages()
    from bake.engine.buildkit.address import parse_address
    from bake.engine.buildkit.pool import Pool
    from bake.engine.buildkit.site import Site

    candidates = session.candidates
    addresses = {c.addr: parse_address(c.addr, session.environment) for c in candidates}
    key = hashlib.sha256(f"{getnode()}\0{session.store.root}".encode()).hexdigest()[:16]
    ask = logins(session)
    return Pool(candidates, session.store.files, lambda c: Site(addresses[c.addr], session.store.files, ask, key))


async def know_builders(session: Session) -> None:
    """Asks builders that were never asked who they are: a plan needs the platform, the choice all platforms.

    Who does not answer is met again, and told of, when it is to build.
    """
    from bake.engine.buildkit.address import parse_address

    need_packages()
    from bake.engine.buildkit.known import learn, recall

    addresses = [parse_address(c.addr, session.environment) for c in session.candidates]
    new = [address for address in addresses if recall(session.store.files, address) is None]
    await asyncio.gather(*(learn(session.store.files, address) for address in new), return_exceptions=True)


def logins(session: Session) -> Ask:
    """Finds what to present to a registry, as our own pushes and pulls do."""

    def ask(host: str) -> tuple[str, str]:
        from bake.registry.credentials import default_sources, find

        found = find(default_sources(session.environment), host, "").credentials
        if found is None:
            return "", ""
        return ("", found.identity_token) if found.identity_token else (found.username, found.password)

    return ask
