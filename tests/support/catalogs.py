"""Catalogs of remote caches as hypothesis makes them: few names, so that two of them often speak of the same thing."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import strategies as st

from bake.plan.tree import SCRATCH, StateId, state_of_digest
from bake.remote.catalog import Blob, CachedState, Catalog, Known, Visit


def hexes(kind: str, number: int) -> str:
    return sha256(f"{kind} {number}".encode()).hexdigest()


def states_below(depth: int) -> dict[StateId, tuple[StateId, str]]:
    """A small forest: state → (parent, listing). Some stand on nothing, some on a base image's state."""
    found: dict[StateId, tuple[StateId, str]] = {}
    parents = [SCRATCH, StateId(hexes("base", 0))]
    for number in range(depth):
        parent, listing = parents[number % len(parents)], hexes("listing", number)
        state = state_of_digest(parent, listing)
        found[state] = (parent, listing)
        parents.append(state)
    return found


FOREST = states_below(6)
KEYS = [hexes("key", number) for number in range(6)]

_sources = st.lists(st.sampled_from(["", "/app", "/other", "host:5000/x"]), max_size=3, unique=True)


@st.composite
def blobs(draw: st.DrawFn) -> tuple[Blob, ...]:
    numbers = draw(st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True))
    made = [
        Blob(f"sha256:{hexes('blob', n)}", "application/x+gzip", 10 + n, tuple(sorted(draw(_sources)))) for n in numbers
    ]
    return tuple(sorted(made))


@st.composite
def cached(draw: st.DrawFn, state: StateId) -> CachedState:
    """`size` follows from the state, as content does."""
    parent, listing = FOREST[state]
    created = float(draw(st.integers(1, 4)))
    archived = draw(st.booleans())
    diff_id = f"sha256:{hexes('diff', draw(st.integers(0, 2)))}" if archived else ""
    times = draw(st.sampled_from([b"", b"\x05\x01"])) if archived else b""
    return CachedState(parent, listing, 5, created, diff_id, draw(blobs()) if archived else (), times)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    states = {state: draw(cached(state)) for state in draw(st.sets(st.sampled_from(sorted(FOREST))))}
    records = {}
    if states:
        for key in draw(st.sets(st.sampled_from(KEYS))):
            state = draw(st.sampled_from(sorted(states)))
            created, duration = float(draw(st.integers(1, 4))), float(draw(st.integers(0, 2)))
            records[key] = Known(state, created, duration, draw(st.integers(0, 9)))
    names = st.sampled_from(["s1", "s2"])
    selections = {
        (state, draw(names)): hexes("selection", draw(st.integers(0, 1))) for state in states if draw(st.booleans())
    }
    slots = {
        f"app\nlinux/amd64\n\n{n}": Visit(draw(st.integers(0, 3)), draw(st.sampled_from(sorted(records))))
        for n in range(2 if records else 0)
    }
    texts = st.sampled_from(["a", "ä", "\udc80"])
    parts = {key: {"instruction": draw(texts)} for key in records if draw(st.booleans())}
    return Catalog(records, states, selections, slots, parts)
