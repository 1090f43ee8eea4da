"""The store's records with remote caches behind them: what they know becomes a record and a layer of the store.

Nothing is downloaded for that but the caches' catalogs: a layer is registered with where it lies (store/layers.py), as
layers of base images are, and fetched when a step runs on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from bake.ports.records import NotYet, Parts, Record
from bake.ports.store import Store
from bake.remote.artifact import descriptor_of
from bake.remote.catalog import Blob
from bake.remote.sources import Hit, Sources

_ANYWHERE = "\n"
"""What slots begin with that belong to no directory (solve/slots.py)."""


class SharedRecords:
    """See ports.records.Records. `allowed` says of a repository whether bake may go there because a cache says so."""

    def __init__(self, store: Store, sources: Sources, allowed: Callable[[str], bool]) -> None:
        self._store = store
        self._own = store.records
        self._sources = sources
        self._allowed = allowed

    def lookup(self, key: str) -> Record | None:
        record = self._own.lookup(key)
        if record is not None:
            return record
        if not self._sources.loaded:
            raise NotYet(self._sources.load)
        hit = self._sources.find(key)
        return self._adopted(key, hit) if hit is not None else None

    def _adopted(self, key: str, hit: Hit) -> Record | None:
        """The record and its layer as the store's own; None when what lies below the layer is not here."""
        state, known = hit.state, hit.known
        blobs = [blob for blob in state.blobs if self._holders(hit, blob)]
        layer = self._store.layers.adopt(
            state.parent,
            state.listing,
            created=state.created,
            diff_id=state.diff_id if blobs else "",
            blobs=[descriptor_of(blob) for blob in blobs],
            sources=tuple(dict.fromkeys(source for blob in blobs for source in self._holders(hit, blob))),
            times_given=state.times,
        )
        if layer is None:
            return None
        for blob in blobs:
            for repository in reversed(self._holders(hit, blob)):
                if not repository.startswith("/"):
                    self._store.blobs.remember_location(repository.partition("/")[0], repository, blob.digest)
        for selector, digest in hit.selections.items() if layer.directory is None else ():
            self._store.layers.remember_selection(layer.state, selector, digest)
        record = Record(key, layer.state, known.created, known.duration, hit.place.name)
        self._own.adopt(record)
        return record

    def _holders(self, hit: Hit, blob: Blob) -> list[str]:
        """The repositories and directories that hold an archive, in the catalog's order."""
        found = (hit.place.outside(source) for source in blob.sources)
        return [name for name in found if name is not None and (name.startswith("/") or self._allowed(name))]

    def known(self, key: str) -> bool:
        return self._own.known(key)

    def parts(self, key: str) -> Parts | None:
        return self._own.parts(key)

    def last_parts(self, slot: str) -> Parts | None:
        own = self._own.last_parts(slot)
        key = self._elsewhere(slot) if own is None else None
        if key is None:
            return own
        if not self._sources.explained:
            raise NotYet(self._sources.explain)
        return self._sources.parts(key)

    def last_record(self, slot: str) -> Record | None:
        return self._own.last_record(slot)

    def last_durations(self, slots: Collection[str]) -> Mapping[str, float]:
        own = self._own.last_durations(slots)
        keys = {slot: key for slot in slots if slot not in own and (key := self._elsewhere(slot)) is not None}
        found = {slot: self._sources.duration(key) for slot, key in keys.items()}
        return {**own, **{slot: duration for slot, duration in found.items() if duration is not None}}

    def _elsewhere(self, slot: str) -> str | None:
        """The key that the step had last on another machine."""
        return self._sources.last(slot.removeprefix(_ANYWHERE)) if slot.startswith(_ANYWHERE) else None

    def remember(self, record: Record, parts: Parts) -> None:
        self._own.remember(record, parts)

    def remember_all(self, rows: Sequence[tuple[Record, Parts]]) -> None:
        self._own.remember_all(rows)

    def adopt(self, record: Record) -> None:
        self._own.adopt(record)

    def visit(self, slots: Mapping[str, str], parts: Mapping[str, Parts]) -> None:
        self._own.visit(slots, parts)

    def claim(self, key: str) -> AbstractAsyncContextManager[None]:
        return self._own.claim(key)
