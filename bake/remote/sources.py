"""The caches that a run reads: all at once, when a step is first not found in the store, and never before.

A build of which everything is here asks nobody. What cannot be read is told once and the build goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio

from bake.errors import BakeError, Diagnostic
from bake.plan.key import Parts
from bake.plan.tree import StateId
from bake.remote.catalog import CachedState, Known
from bake.remote.gathered import gather
from bake.remote.place import Found, Place, unreadable

_PATIENCE_S = 60.0
"""A cache that takes longer is done without."""


@dataclass(frozen=True)
class Hit:
    """A key that a cache knows, and the state that it came to. `selections` from that: selector → digest."""

    place: Place
    known: Known
    state: CachedState
    selections: Mapping[str, str]


@dataclass
class Sources:
    """Places in the order in which they were named: the first that knows a key answers. `lost`: states not to trust."""

    places: Sequence[Place]
    warn: Callable[[Diagnostic], None]
    lost: set[StateId] = field(default_factory=set)
    _found: dict[int, Found] = field(default_factory=dict)
    _selections: dict[int, dict[StateId, dict[str, str]]] = field(default_factory=dict)
    _parts: Mapping[str, Parts] | None = None
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _loaded: bool = False

    @property
    def loaded(self) -> bool:
        """Whether all that can be read has been read."""
        return self._loaded or not self.places

    @property
    def explained(self) -> bool:
        """Whether the parts of keys have been read as well."""
        return self._parts is not None or (self.loaded and not self._found)

    async def load(self) -> None:
        """Reads all places. Raises nothing but what is a defect."""
        async with self._lock:
            if not self.loaded:
                await gather([partial(self._read, number, place) for number, place in enumerate(self.places)])
                self._loaded = True

    async def _read(self, number: int, place: Place) -> None:
        try:
            with anyio.fail_after(_PATIENCE_S):
                found = await place.read()
        except TimeoutError:
            self.warn(unreadable(place.name, f"it did not answer within {_PATIENCE_S:.0f} seconds"))
            return
        except BakeError as error:
            for diagnostic in error.diagnostics:
                self.warn(_softened(place, diagnostic))
            return
        for problem in found.problems:
            self.warn(problem)
        if found.nothing:
            message = f"there is no cache at {place.name} yet"
            self.warn(
                Diagnostic("no-cache-yet", message, severity="info", hint="the first build with cache-to makes it")
            )
        self._found[number] = found
        by_state: dict[StateId, dict[str, str]] = {}
        self._selections[number] = by_state
        for (state, selector), digest in found.catalog.selections.items():
            by_state.setdefault(state, {})[selector] = digest

    async def explain(self) -> None:
        """Reads the parts of keys, by which a miss is explained."""
        await self.load()
        async with self._lock:
            if self._parts is None:
                readers = [found.parts for found in self._found.values() if found.parts is not None]
                parts: dict[str, Parts] = {}
                with anyio.move_on_after(_PATIENCE_S):
                    for rows in await gather(readers):
                        parts |= rows
                self._parts = parts

    def find(self, key: str) -> Hit | None:
        """What the first place that knows `key` says of it, unless that turned out to be gone or wrong."""
        for number in sorted(self._found):
            catalog = self._found[number].catalog
            known = catalog.records.get(key)
            if known is not None and known.state not in self.lost and known.state in catalog.states:
                selections = self._selections[number].get(known.state, {})
                return Hit(self.places[number], known, catalog.states[known.state], selections)
        return None

    def knows(self, key: str) -> bool:
        """Whether any place has ever heard of `key`."""
        return any(key in found.catalog.records for found in self._found.values())

    def last(self, slot: str) -> str | None:
        """The key that a slot had last, in any place."""
        visits = [v for found in self._found.values() if (v := found.catalog.slots.get(slot)) is not None]
        return max(visits).key if visits else None

    def duration(self, key: str) -> float | None:
        """Seconds that the step with this key took."""
        rows = (found.catalog.records.get(key) for found in self._found.values())
        return next((known.duration for known in rows if known is not None), None)

    def parts(self, key: str) -> Parts | None:
        """The parts of a key, when they were read."""
        return (self._parts or {}).get(key)


def _softened(place: Place, diagnostic: Diagnostic) -> Diagnostic:
    if diagnostic.code == "foreign-cache":
        return Diagnostic(diagnostic.code, diagnostic.message, None, diagnostic.hint, "warning")
    return unreadable(place.name, diagnostic.message)
