"""A cache in a registry: one artifact under a tag, and a note under a tag of its own for each write (artifact.py).

Two writers that move the tag at once overwrite each other, as no registry compares and swaps. So a writer first puts
what it adds in a note, then merges artifact and notes, moves the tag, and looks whether its note is in. A note stays
for an hour at least and until it is in the artifact; readers read it too, and whoever writes next takes it in.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio

from bake.errors import Diagnostic, RemoteError
from bake.events import Event
from bake.oci.reference import DEFAULT_TAG, Reference, parse_reference
from bake.registry.client import Registry
from bake.registry.tending import delete_manifest, tags_after
from bake.remote import artifact as form
from bake.remote.artifact import Artifact, NotOurs
from bake.remote.catalog import Catalog, has_news, merge, merge_all, prune, without
from bake.remote.coding import BadCatalog
from bake.remote.exchange import Exchange
from bake.remote.gathered import gather
from bake.remote.place import MAX_AGE_S, MOST_RECORDS, Add, Addition, Found, NotACache, Written, unreadable

_TRIES = 8
_WINDOW_S = 300.0
"""A writer that took longer between reading and moving the tag reads again: so `_GRACE_S` is long enough."""
_GRACE_S = 3600
_HORIZON_S = 86400


@dataclass
class _There:
    """What a repository holds of a cache. `artifact`: under its tag; `notes`: those that are not in it yet."""

    artifact: Artifact | None = None
    notes: dict[str, Artifact] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def artifacts(self) -> list[Artifact]:
        return [*([self.artifact] if self.artifact else []), *self.notes.values()]


class RepositoryCache:
    """See Place. `scratch` gives an empty directory."""

    def __init__(
        self, registry: Registry, reference: Reference, scratch: Callable[[], Path], emit: Callable[[Event], None]
    ) -> None:
        self._registry = registry
        self._reference = reference.with_default_tag()
        self._tag = self._reference.tag or DEFAULT_TAG
        self._exchange = Exchange(registry, self._reference, scratch, emit)

    @property
    def name(self) -> str:
        return self._reference.familiar

    # Reading

    async def read(self) -> Found:
        there = await self._there(strict=False)
        if not there.artifacts:
            return Found(problems=tuple(there.problems), nothing=not there.problems)
        return Found(there.catalog, partial(self._exchange.parts, there.artifacts), tuple(there.problems))

    async def _there(self, strict: bool) -> _There:
        """`strict`: a cache of a later version is an error, as it would be overwritten."""
        there = _There()
        names: list[str] = []

        async def tag() -> None:
            there.artifact = await self._artifact(self._tag)

        async def listed() -> None:
            names.extend(await self._note_names())

        await gather([tag, listed])
        pending = [name for name in names if there.artifact is None or not there.artifact.has(name)]
        notes = await gather([partial(self._note, name) for name in pending])
        there.notes = {name: note for name, note in zip(pending, notes, strict=True) if note is not None}
        catalogs = await gather([partial(self._catalog, each, there, strict) for each in there.artifacts])
        there.catalog = merge_all(catalogs)
        return there

    async def _artifact(self, tag: str) -> Artifact | None:
        try:
            return await self._exchange.artifact(tag, self._reference.digest if tag == self._tag else None)
        except NotOurs as error:
            raise NotACache(self.name, str(error)) from None

    async def _note_names(self) -> tuple[str, ...]:
        prefix = form.note_prefix(self._tag)
        with suppress(RemoteError):  # some registries list no tags, or not to everybody
            return form.notes_in(await tags_after(self._registry, self._exchange.repository, prefix), self._tag)
        return ()

    async def _note(self, name: str) -> Artifact | None:
        """None for one that has been swept meanwhile, and for one that cannot be read, which the next writer sweeps."""
        with suppress(RemoteError):
            return await self._artifact(form.note_prefix(self._tag) + name)
        return None

    async def _catalog(self, artifact: Artifact, there: _There, strict: bool) -> Catalog:
        try:
            return await self._exchange.catalog(artifact)
        except BadCatalog as error:
            if strict and error.newer:
                raise NotACache(self.name, str(error)) from None
            there.problems.append(unreadable(self.name, error))
        except RemoteError as error:
            there.problems.append(unreadable(self.name, error))
        return Catalog()

    # Writing

    async def write(self, add: Add) -> Written:
        self._exchange.sent = 0
        addition, note, there = Addition(Catalog()), "", _There()
        for attempt in range(_TRIES):
            begun, now = time.monotonic(), time.time()
            there = await self._there(strict=True)
            if not note:
                addition = await add(there.catalog)
            after = merge(without(there.catalog, addition.lost), addition.catalog)
            if not note:
                if not has_news(there.catalog, after):
                    return Written(False, len(there.catalog.records))
                note = form.note_name(now, f"{random.getrandbits(32):08x}")
                await self._exchange.put(form.note_prefix(self._tag) + note, addition.catalog, addition.held)
            if time.monotonic() - begun < _WINDOW_S:
                await self._move(there, after, addition.held, note, now)
                if await self._is_in(note):
                    break
            await anyio.sleep(random.uniform(0.05, 0.3) * (attempt + 1))
        await self._sweep(there.artifact, time.time())
        return Written(True, len(after.records), self._exchange.sent)

    async def _move(self, there: _There, after: Catalog, held: Mapping[str, Path], note: str, now: float) -> None:
        """Moves the tag to all that is there and what is added."""
        parts = {**await self._exchange.parts(there.artifacts), **after.parts}
        whole = replace(after, parts={key: rows for key, rows in parts.items() if key in after.records})
        horizon = int(now) - _HORIZON_S
        names = {*(there.artifact.absorbed if there.artifact else ()), *there.notes, note}
        absorbed = tuple(sorted(name for name in names if form.note_time(name) >= horizon))
        pruned = prune(whole, now, MOST_RECORDS, MAX_AGE_S)
        await self._exchange.put(self._tag, pruned, held, absorbed, horizon)

    async def _is_in(self, note: str) -> bool:
        artifact = await self._artifact(self._tag)
        return artifact is not None and artifact.has(note)

    async def _sweep(self, before: Artifact | None, now: float) -> None:
        """Takes away notes that were in the artifact for long. A registry that deletes nothing keeps their tags."""
        names = await self._note_names() if before else ()
        for name in names:
            if before and before.has(name) and form.note_time(name) < now - _GRACE_S:
                tag = form.note_prefix(self._tag) + name
                reference = Reference(self._reference.domain, self._reference.path, tag, None)
                with suppress(RemoteError):
                    digest = (await self._registry.resolve(reference)).digest
                    await delete_manifest(self._registry, self._exchange.repository, digest)

    # Names

    def inside(self, repository: str) -> str:
        domain, _, path = repository.partition("/")
        if repository == self._exchange.repository:
            return ""
        return f"/{path}" if domain == self._reference.domain else repository

    def outside(self, source: str) -> str | None:
        if not source:
            return self._exchange.repository
        full = f"{self._reference.domain}{source}" if source.startswith("/") else source
        try:
            return full if parse_reference(full).repository == full else None
        except ValueError:
            return None

    async def has(self, repository: str, digest: str) -> bool:
        try:
            return await self._registry.has_blob(repository, digest)
        except RemoteError:
            return False
