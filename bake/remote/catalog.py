"""What a cache knows, as a value, and how two caches become one.

Merging is commutative, associative and idempotent, so it does not matter who writes first, or how often the same thing
is merged. Nothing but `prune` and `without` ever takes anything out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from bake.plan.key import Parts
from bake.plan.tree import SCRATCH, StateId

K = TypeVar("K")
V = TypeVar("V")


class Blob(msgspec.Struct, frozen=True, order=True):
    """An archive of a layer. `sources`, sorted: repositories that hold it, "" for the cache itself."""

    digest: str
    media_type: str
    size: int
    sources: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class CachedState(msgspec.Struct, frozen=True):
    """The top layer of a state: its listing's digest, the bytes of its files, when it was made; `times`: which paths
    have a given time (plan/listing.py), which its archive does not tell.

    `diff_id` "" and no blobs: the state is only known by name, and is made again when its files are needed.
    """

    parent: StateId
    listing: str
    size: int
    created: float
    diff_id: str = ""
    blobs: tuple[Blob, ...] = ()
    times: bytes = b""


class Known(msgspec.Struct, frozen=True):
    """What a key came to; times in unix seconds, `duration` in seconds. `used`: about when it was last wanted."""

    state: StateId
    created: float
    duration: float
    used: int


class Visit(msgspec.Struct, frozen=True, order=True):
    """The key that a slot had last, and when."""

    when: int
    key: str


@dataclass(frozen=True)
class Catalog:
    """`selections`: (state, selector) → digest of what a COPY selects there; `slots`: address of a step → its key.

    `parts` of keys may be missing for some or all: they only explain.
    """

    records: Mapping[str, Known] = field(default_factory=dict)
    states: Mapping[StateId, CachedState] = field(default_factory=dict)
    selections: Mapping[tuple[StateId, str], str] = field(default_factory=dict)
    slots: Mapping[str, Visit] = field(default_factory=dict)
    parts: Mapping[str, Parts] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.records)


def merge(one: Catalog, other: Catalog) -> Catalog:
    """All that either knows."""
    return Catalog(
        _merged(one.records, other.records, _same_key),
        _merged(one.states, other.states, _same_state),
        _merged(one.selections, other.selections, min),
        _merged(one.slots, other.slots, max),
        _merged(one.parts, other.parts, _same_parts),
    )


def merge_all(catalogs: Iterable[Catalog]) -> Catalog:
    """All that any of them knows."""
    found = Catalog()
    for catalog in catalogs:
        found = merge(found, catalog)
    return found


def _merged(one: Mapping[K, V], other: Mapping[K, V], join: Callable[[V, V], V]) -> dict[K, V]:
    found = dict(one)
    for key, value in other.items():
        found[key] = join(found[key], value) if key in found else value
    return found


def _same_key(one: Known, other: Known) -> Known:
    """The later result wins, as in the peer (reference/cache.md §1); it was wanted when either was."""
    best = max(one, other, key=lambda known: (known.created, known.state, known.duration))
    used = max(one.used, other.used)
    return best if best.used == used else msgspec.structs.replace(best, used=used)


def _same_state(one: CachedState, other: CachedState) -> CachedState:
    """The older layer wins, so that images keep their digests; one that has an archive wins over one that has none."""
    if _age(one) != _age(other):
        return min(one, other, key=_age)
    blobs: dict[str, Blob] = {}
    for blob in sorted((*one.blobs, *other.blobs)):
        known = blobs.setdefault(blob.digest, blob)
        sources = tuple(sorted({*known.sources, *blob.sources}))
        blobs[blob.digest] = msgspec.structs.replace(known, sources=sources)
    joined = tuple(sorted(blobs.values()))
    times = max(one.times, other.times)
    return msgspec.structs.replace(one, size=max(one.size, other.size), blobs=joined, times=times)


def _age(state: CachedState) -> tuple[object, ...]:
    return (not state.diff_id, state.created, state.diff_id, state.parent, state.listing)


def _same_parts(one: Parts, other: Parts) -> Parts:
    """Equal keys have equal parts, but for those that only explain."""
    return max(one, other, key=lambda parts: sorted(parts.items()))


def chain(catalog: Catalog, state: StateId) -> Iterator[StateId]:
    """`state` and those below it that the catalog knows, top first."""
    seen: set[StateId] = set()
    while state != SCRATCH and state not in seen and (found := catalog.states.get(state)) is not None:
        seen.add(state)
        yield state
        state = found.parent


def without(catalog: Catalog, lost: Collection[str]) -> Catalog:
    """The catalog without the archives with these digests: they are gone, whoever said that they are there."""
    if not lost:
        return catalog
    return replace(catalog, states={id_: _without(state, lost) for id_, state in catalog.states.items()})


def _without(state: CachedState, lost: Collection[str]) -> CachedState:
    blobs = tuple(blob for blob in state.blobs if blob.digest not in lost)
    if len(blobs) == len(state.blobs):
        return state
    return msgspec.structs.replace(state, blobs=blobs, diff_id=state.diff_id if blobs else "")


def narrowed(catalog: Catalog, keys: Collection[str]) -> Catalog:
    """Only what belongs to these keys."""
    records = {key: known for key, known in catalog.records.items() if key in keys}
    states = {id_ for known in records.values() for id_ in chain(catalog, known.state)}
    return Catalog(
        records,
        {id_: catalog.states[id_] for id_ in catalog.states if id_ in states},
        {at: digest for at, digest in catalog.selections.items() if at[0] in states},
        {slot: visit for slot, visit in catalog.slots.items() if visit.key in records},
        {key: parts for key, parts in catalog.parts.items() if key in records},
    )


def prune(catalog: Catalog, now: float, most: int, max_age: float) -> Catalog:
    """At most `most` records, the ones wanted last, none unwanted for more than `max_age` seconds.

    Parts that are too much are left out, the oldest first, for they only explain.
    """
    fresh = [key for key, known in catalog.records.items() if known.used >= now - max_age]
    fresh.sort(key=lambda key: (-catalog.records[key].used, key))
    kept = narrowed(catalog, frozenset(fresh[:most]))
    parts: dict[str, Parts] = {}
    left = MOST_PARTS
    for key in fresh[:most]:
        rows = kept.parts.get(key)
        left -= sum(len(name) + len(value) for name, value in rows.items()) if rows is not None else 0
        if rows is not None and left >= 0:
            parts[key] = rows
    return replace(kept, parts=parts)


MOST_PARTS = 16 << 20
"""Characters of all parts of a cache; compressed they are a fifth of that."""


REFRESH_S = 7 * 86400
"""That a record was wanted is written again only after so many seconds, so that an unchanged build writes nothing."""


def has_news(old: Catalog, new: Catalog) -> bool:
    """Whether `new`, merged from `old`, is worth writing. Parts do not count: those of `old` may not be read yet."""
    if old.states != new.states or old.selections != new.selections:
        return True
    if {slot: visit.key for slot, visit in old.slots.items()} != {slot: v.key for slot, v in new.slots.items()}:
        return True
    for key, known in new.records.items():
        before = old.records.get(key)
        if before is None or before.state != known.state or known.used - before.used >= REFRESH_S:
            return True
    return False
