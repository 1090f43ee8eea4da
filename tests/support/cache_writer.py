"""One process of many that write to a cache at once: `cache_writer.py PLACE NUMBER ROUNDS` adds that many records."""

from __future__ import annotations

import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import anyio

from bake.oci.reference import parse_reference
from bake.plan.tree import SCRATCH, state_of_digest
from bake.registry.client import Registry
from bake.remote.catalog import CachedState, Catalog, Known, Visit
from bake.remote.directory import DirectoryCache
from bake.remote.place import Addition, Place
from bake.remote.repository import RepositoryCache


def hexed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def addition(name: str) -> Catalog:
    """What one build adds: a record of its own and one that all builds have."""
    rows = {}
    states = {}
    for text in (name, "shared"):
        state = CachedState(SCRATCH, hexed(f"listing {text}"), 1, 1.0)
        id_ = state_of_digest(SCRATCH, state.listing)
        states[id_] = state
        rows[hexed(text)] = Known(id_, 1.0, 1.0, 2_000_000_000)
    parts = {key: {"instruction": f"RUN {name}"} for key in rows}
    return Catalog(rows, states, {}, {name: Visit(1, hexed(name))}, parts)


def place_of(text: str, directory: Path) -> Place:
    """`dir:PATH` or a reference."""
    if text.startswith("dir:"):
        return DirectoryCache(Path(text[4:]))
    numbers = iter(range(1 << 30))

    def scratch() -> Path:
        made = directory / str(next(numbers))
        made.mkdir(parents=True)
        return made

    return RepositoryCache(Registry(), parse_reference(text), scratch, lambda _event: None)


async def write(place: Place, name: str) -> bool:
    """Whether there was anything to write."""

    async def add(_before: Catalog) -> Addition:
        return Addition(addition(name))

    return (await place.write(add)).changed


async def main(text: str, number: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = place_of(text, Path(directory))
        for turn in range(rounds):
            await write(place, f"{number}-{turn}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
