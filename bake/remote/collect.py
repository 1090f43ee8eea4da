"""What a run adds to a cache: the results of all steps of a target, with where the archives of their layers are.

`mode=min` tells where the layers of the image itself are, the others by name only; `mode=max` of all. A layer that is
in an image repository stays there; one that is nowhere is archived, and held by the cache itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from bake.oci.model import Descriptor
from bake.plan.key import Parts
from bake.plan.outcome import Image, Plan
from bake.plan.step import MergeOp, StepId
from bake.plan.tree import SCRATCH, StateId
from bake.ports.layers import Layer
from bake.ports.records import Record
from bake.ports.store import Store
from bake.remote.catalog import Blob, CachedState, Catalog, Known, Visit
from bake.remote.gathered import gather
from bake.remote.place import Addition, Place

Mode = Literal["min", "max"]


class Archive(Protocol):
    """Makes the archive of a layer, or says what it came as."""

    async def __call__(self, state: StateId) -> tuple[str, Descriptor]:
        """(diff id, blob); the blob need not be here. Raises BakeError."""


@dataclass(frozen=True)
class Results:
    """What a run came to: the keys and states of its steps, by step."""

    plan: Plan
    keys: Mapping[StepId, str]
    states: Mapping[StepId, StateId]
    now: float
    lost: frozenset[str] = field(default=frozenset())


def steps_of(plan: Plan, images: Iterable[Image]) -> tuple[list[StepId], set[StepId]]:
    """All steps that images are made with, tests included; and those that make a layer of an image."""
    final: set[StepId] = set()
    todo: list[StepId] = []
    for image in images:
        todo += [image.state, *image.tests]
        for ref in image.layers:
            step = plan.steps[ref.step]
            final.add(step.inputs[1] if isinstance(step.op, MergeOp) else step.id)
    seen: dict[StepId, None] = {}
    while todo:
        step_id = todo.pop()
        if step_id not in seen:
            seen[step_id] = None
            todo += plan.steps[step_id].inputs
    return [step for step in plan.steps if step in seen], final


@dataclass(frozen=True)
class Collector:
    """Collects for one place. `wanted`: steps → whether the files of its layer are to be found through the cache."""

    results: Results
    store: Store
    place: Place
    wanted: Mapping[StepId, bool]
    archive: Archive

    async def add(self, before: Catalog) -> Addition:
        """See place.Add."""
        rows = {s: r for s in self.wanted if (r := self._record(s)) is not None and r.state != SCRATCH}
        layers = {r.state: layer for r in rows.values() if (layer := self._layer(r)) is not None}
        full = {rows[step].state for step in rows if self.wanted[step]}
        held: dict[str, Path] = {}
        found = await gather(
            [partial(self._state, layer, layer.state in full, before, held) for layer in layers.values()]
        )
        states = dict(zip(layers, found, strict=True))
        records = {r.key: self._known(r) for r in rows.values() if r.state in states}
        catalog = Catalog(records, states, self._selections(states), self._slots(rows), self._parts(records, before))
        return Addition(catalog, held, self.results.lost)

    def _record(self, step: StepId) -> Record | None:
        key = self.results.keys.get(step)
        return self.store.records.lookup(key) if key is not None and step in self.results.states else None

    def _layer(self, record: Record) -> Layer | None:
        """None for what another engine made, whose states are named by archives, not by what they hold."""
        layer = self.store.layers.layer(record.state)
        return layer if layer is not None and not layer.of_image else None

    def _known(self, record: Record) -> Known:
        return Known(record.state, record.created, round(record.duration, 3), int(self.results.now))

    async def _state(self, layer: Layer, full: bool, before: Catalog, held: dict[str, Path]) -> CachedState:
        known = before.states.get(layer.state)
        lost = known is not None and any(blob.digest in self.results.lost for blob in known.blobs)
        if known is not None and (known.blobs or not full) and not lost:
            return known
        listing = self.store.layers.listing_digest(layer.state)
        bare = CachedState(layer.parent, listing, layer.size, layer.created)
        if not full or not (layer.directory or layer.sources):
            return bare
        tree = self.store.layers.listing(layer.state)
        if tree is not None and any(entry.kind == "s" for entry in tree.values()):
            return bare  # no archive holds a socket, so the layer cannot be made from one
        diff_id, blob = await self.archive(layer.state)
        source = await self._source(layer, blob)
        if source is None:
            path = self.store.blobs.path(blob.digest)
            if path is None:
                return bare
            held[blob.digest] = path
        notes = tuple(sorted((blob.annotations or {}).items()))
        blobs = (Blob(blob.digest, blob.media_type, blob.size, (source or "",), notes),)
        times = self.store.layers.times_given(layer.state)
        return CachedState(layer.parent, listing, layer.size, layer.created, diff_id, blobs, times)

    async def _source(self, layer: Layer, blob: Descriptor) -> str | None:
        """How the cache names a repository that has the blob now; None if there is none."""
        known = [*self.store.blobs.holders(blob.digest), *(s for s in layer.sources if not s.startswith("/"))]
        names = {repository: self.place.inside(repository) for repository in dict.fromkeys(known)}
        # The cache itself first, then its registry, then others.
        for repository in sorted(names, key=lambda name: (names[name] != "", not names[name].startswith("/"))):
            if await self.place.has(repository, blob.digest):
                return names[repository]
        return None

    def _selections(self, states: Iterable[StateId]) -> dict[tuple[StateId, str], str]:
        rows = ((state, self.store.layers.selections(state)) for state in states)
        return {(state, selector): digest for state, found in rows for selector, digest in found.items()}

    def _slots(self, rows: Mapping[StepId, Record]) -> dict[str, Visit]:
        plan, now = self.results.plan, int(self.results.now)
        return {
            "\n".join(origin.address): Visit(now, record.key)
            for step, record in rows.items()
            for origin in plan.origins.get(step, ())
        }

    def _parts(self, keys: Iterable[str], before: Catalog) -> dict[str, Parts]:
        """Parts of keys that the cache does not know yet; of the others it has them."""
        new = (key for key in keys if key not in before.records)
        return {key: parts for key in new if (parts := self.store.records.parts(key)) is not None}


def merged_wants(wants: Sequence[tuple[Plan, Iterable[Image], Mode]]) -> dict[StepId, bool]:
    """What several targets that write to one place want of their steps."""
    found: dict[StepId, bool] = {}
    for plan, images, mode in wants:
        steps, final = steps_of(plan, images)
        for step in steps:
            found[step] = found.get(step, False) or mode == "max" or step in final
    return found
