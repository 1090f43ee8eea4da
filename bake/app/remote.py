"""The BuildKit engine as `bake build` uses it: builders from flags and settings, logins, names of steps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import getnode

from bake.app.jobs import Job
from bake.app.session import Session
from bake.errors import Diagnostic, HostError, InputError
from bake.events import DiagnosticFound, Event
from bake.image.form import Compression, level_of
from bake.plan.outcome import Plan
from bake.render.diagnostics import info_of
from bake.settings import Builder
from bake.solve.contents import Contents
from bake.solve.drive import Settings
from bake.solve.results import info
from bake.solve.tasks import Tasks

if TYPE_CHECKING:
    from bake.engine.buildkit.choice import Candidate
    from bake.engine.buildkit.pool import Pool
    from bake.engine.buildkit.services.auth import Ask
    from bake.engine.buildkit.walk import Walk

_EXTRA = ("grpclib", "h2", "google.protobuf")


def make_walk(
    session: Session, plan: Plan, contents: Contents, tasks: Tasks, settings: Settings,
    jobs: Mapping[str, tuple[Job, ...]], emit: Callable[[Event], None],
) -> Walk:  # fmt: skip
    """Raises InputError for builders that cannot be, HostError when the packages for them are missing."""
    pool = make_pool(session)
    from bake.engine.buildkit.build import BuildSettings
    from bake.engine.buildkit.walk import Walk

    def form(target: str) -> tuple[str, int]:
        wanted = jobs[target][0].form.compression if target in jobs else Compression()
        return wanted.kind, level_of(wanted.kind, wanted.level)

    shown = {id: f"[{step.stage}] {step.instruction}" for id in plan.steps if (step := info(plan, id)) is not None}
    how = BuildSettings(session.store, str(session.platform), form, shown)

    def tell(diagnostic: Diagnostic) -> None:
        emit(DiagnosticFound(diagnostic=info_of(diagnostic)))

    return Walk(plan, session.store, contents, pool, tasks, settings, emit, tell, how)


def make_pool(session: Session) -> Pool:
    """The builders of this run. Raises as `make_walk` does."""
    try:
        from bake.engine.buildkit.pool import Pool
        from bake.engine.buildkit.site import Site
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_EXTRA):
            raise
        hint = "pip install 'bake[buildkit]'"
        raise HostError(Diagnostic("no-buildkit", "the packages for builders are not installed", hint=hint)) from None
    from bake.engine.buildkit.address import parse_address

    candidates = builders(session)
    addresses = {c.addr: parse_address(c.addr, session.environment) for c in candidates}
    key = hashlib.sha256(f"{getnode()}\0{session.store.root}".encode()).hexdigest()[:16]
    ask = logins(session)
    return Pool(candidates, session.store.files, lambda c: Site(addresses[c.addr], session.store.files, ask, key))


def builders(session: Session) -> tuple[Candidate, ...]:
    """Those of `--builder`, with what the settings say of them, else all of the settings. Raises InputError."""
    from bake.engine.buildkit.choice import Candidate

    rows = {row.addr: row for row in session.settings.builders}
    wanted = [rows.get(addr, Builder(addr, slots=ALONE)) for addr in session.options.builders] or list(rows.values())
    if not wanted:
        hint = "name one: --builder docker://, or `builders` in the settings"
        raise InputError(Diagnostic("no-builders", "--engine buildkit needs a builder", hint=hint))
    return tuple(Candidate(row.addr, row.platforms, row.labels, row.slots) for row in wanted)


ALONE = 64
"""Solves at once on a builder that no setting says anything of."""


def logins(session: Session) -> Ask:
    """Finds what to present to a registry, as our own pushes and pulls do."""

    def ask(host: str) -> tuple[str, str]:
        from bake.registry.credentials import default_sources, find

        found = find(default_sources(session.environment), host, "").credentials
        if found is None:
            return "", ""
        return ("", found.identity_token) if found.identity_token else (found.username, found.password)

    return ask
