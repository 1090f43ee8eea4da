"""The remote caches of a run: which ones its targets name, read when a step is not in the store, written at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bake.app.archives import Archives
from bake.app.later import CACHE_TYPES
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, LostLayer, StepError
from bake.events import Event
from bake.image.form import Compression
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.oci.reference import Reference, parse_reference
from bake.plan.outcome import Plan
from bake.plan.step import ImageOp
from bake.plan.tree import StateId
from bake.solve.drive import Drive
from bake.spec.target import Table, Target
from bake.store import DiskStore

if TYPE_CHECKING:
    from bake.app.delivery import Delivery
    from bake.remote.place import Place
    from bake.remote.sources import Sources

Warn = Callable[[Diagnostic], None]


@dataclass
class RemoteCaches:
    """`lost` grows as archives turn out to be gone: digests."""

    session: Session
    targets: Mapping[str, Target]
    emit: Callable[[Event], None]
    warn: Warn
    lost: set[str] = field(default_factory=set)
    _places: dict[tuple[str, ...], Place] = field(default_factory=dict)
    _sources: Sources | None = None

    # Reading

    def store(self, plan: Plan) -> DiskStore:
        """The store, with the caches behind its records that the targets of `plan` read."""
        rows = [(target, row) for target in plan.targets.values() for row in target.cache_from]
        places = [self._place(target, row, "src") for target, row in rows if row.get("type") in CACHE_TYPES]
        if not places:
            return self.session.store
        from bake.remote.records import SharedRecords
        from bake.remote.sources import Sources

        if self._sources is None:
            self._sources = Sources(list(dict.fromkeys(places)), self.warn)
        hosts = frozenset(_hosts(plan))
        shared = SharedRecords(self.session.store, self._sources, lambda name: name.partition("/")[0] in hosts)
        return replace(self.session.store, records=shared)

    def are_wrong(self, walk: object, errors: Sequence[BakeError]) -> bool:
        """Whether layers that a cache told of are gone, or something else: then walk again, and their steps run.

        None of them is taken from a cache again in this run. `errors`: of the walk and of what it published.
        """
        lost, self.session.fetcher.lost = self.session.fetcher.lost, []
        met = [walk.lost] if isinstance(walk, Drive) else []
        lost += [error for error in (*met, *errors) if isinstance(error, LostLayer)]
        if not lost or any(isinstance(error, StepError) for error in errors):
            return False
        told: set[str] = set()
        for error in lost:
            self._give_up(error, told)
            told.update(error.states)
        return True

    def _give_up(self, error: LostLayer, told: Collection[str]) -> None:
        for state in map(StateId, error.states):
            self.session.store.layers.forget(state)
            if self._sources is not None:
                self._sources.lost.add(state)
            if error.blobs and state not in told:  # one without was only ever known by name
                message = f"the layer {state[:12]} is not what, or where, a cache said, so its step runs again: {error}"
                self.warn(Diagnostic("cache-evicted", message, severity="warning"))
        self.lost |= error.blobs

    # Writing

    async def write(self, walk: object, delivery: Delivery | None) -> list[BakeError]:
        """Adds the run's results to the caches that its targets write to; the failures that are to fail the run."""
        if not isinstance(walk, Drive):
            return []
        plan = walk.plan
        wanted = {name: target for name, target in plan.targets.items() if target.cache_to and name in plan.requested}
        if not wanted:
            return []
        from bake.remote.collect import Collector, Results, merged_wants
        from bake.remote.gathered import gather

        results = Results(plan, walk.keys, walk.states, time.time(), frozenset(self.lost))
        archives = delivery.documents.archives if delivery else Archives(self.session.store, self.session.engine)
        digests = {name: delivery.delivered[name].root.digest for name in delivery.published} if delivery else {}
        jobs: dict[Place, dict[str, tuple[Target, Table]]] = {}
        for target in wanted.values():
            for row in target.cache_to:
                for place in self._destinations(target, row, digests.get(target.name)):
                    jobs.setdefault(place, {})[target.name] = target, row

        async def one(place: Place, rows: list[tuple[Target, Table]]) -> BakeError | None:
            wants = [(plan, plan.image_of(target.name), _mode(row)) for target, row in rows]
            archive = partial(_archive, archives, _form(rows[0][1]))
            try:
                await place.write(Collector(results, self.session.store, place, merged_wants(wants), archive).add)
            except BakeError as error:
                return self._failed(place, rows, error)
            return None

        found = await gather([partial(one, place, list(rows.values())) for place, rows in jobs.items()])
        return [error for error in found if error is not None]

    def _destinations(self, target: Target, row: Table, digest: Digest | None) -> Iterator[Place]:
        """Where an entry writes to: an inline cache to each repository in which its image is now."""
        if row.get("type") != "inline":
            yield self._place(target, row, "dest")
            return
        from bake.remote.artifact import beside

        if digest is None:
            message = f"the inline cache of target '{target.name}' is not written, as its image is not pushed"
            self.warn(Diagnostic("cache-not-written", message, target.span("cache-to"), severity="warning"))
            return
        for tag in map(parse_reference, target.tags):
            yield self._registry(Reference(tag.domain, tag.path, beside(digest), None))

    def _failed(self, place: Place, rows: list[tuple[Target, Table]], error: BakeError) -> BakeError | None:
        """A cache is a convenience: that it is not written fails a build only where `ignore-error = false` says so."""
        strict = [target for target, row in rows if str(row.get("ignore-error", "true")).lower() == "false"]
        if strict:
            return error
        target = rows[0][0]
        message = f"the cache {place.name} was not written: {error}"
        hint = 'the build itself is done; "ignore-error = false" in cache-to makes this an error'
        self.warn(Diagnostic("cache-not-written", message, target.span("cache-to"), hint, "warning"))
        return None

    # Places

    def _place(self, target: Target, row: Table, path: str) -> Place:
        if row.get("type") == "registry":
            return self._registry(parse_reference(str(row["ref"])).with_default_tag())
        directory = Path(target.root, str(row.get(path) or row.get("src") or row.get("dest") or ""))
        tag, digest = str(row.get("tag") or "latest"), str(row.get("digest") or "")
        key = ("local", str(directory), tag, digest)
        if key not in self._places:
            from bake.remote.directory import DirectoryCache

            self._places[key] = DirectoryCache(directory, tag, digest)
        return self._places[key]

    def _registry(self, reference: Reference) -> Place:
        key = ("registry", str(reference))
        if key not in self._places:
            from bake.remote.repository import RepositoryCache

            session = self.session
            self._places[key] = RepositoryCache(session.registry, reference, session.store.layers.scratch, self.emit)
        return self._places[key]


def _hosts(plan: Plan) -> Iterator[str]:
    """The registries that the spec itself names: of caches, tags and bases."""
    for target in plan.targets.values():
        for row in (*target.cache_from, *target.cache_to):
            if row.get("type") == "registry":
                yield parse_reference(str(row["ref"])).domain
        yield from (parse_reference(tag).domain for tag in target.tags)
    yield from (parse_reference(s.op.reference).domain for s in plan.steps.values() if isinstance(s.op, ImageOp))


def _mode(row: Table) -> Literal["min", "max"]:
    return "max" if row.get("mode") == "max" else "min"


def _form(row: Table) -> Compression:
    """How archives that the cache holds are compressed."""
    name, level = str(row.get("compression", "gzip")), row.get("compression-level")
    kind = "none" if name in ("none", "uncompressed") else name
    return Compression(kind, int(str(level)) if level is not None else None)


async def _archive(archives: Archives, compression: Compression, state: StateId) -> tuple[str, Descriptor]:
    made = await archives.info(state, compression)
    return made.diff_id, made.blob
