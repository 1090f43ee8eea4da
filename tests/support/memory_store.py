"""A store whose index is a dict and whose directories are real: for tests of what stands on a store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from msgspec.structs import replace

from bake.oci.model import Descriptor
from bake.plan.listing import decode
from bake.plan.tree import SCRATCH, Listing, StateId, Tree, stack, state_of_digest, state_of_images, state_over
from bake.ports import Layer


class MemoryStore:
    """Plays all five protocols of a store at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layers = self.blobs = self.records = self.files = self
        self.known: dict[StateId, Layer] = {}
        self._claims: dict[str, anyio.Lock] = {}
        for name in ("layers", "tmp", "blobs"):
            (root / name).mkdir(parents=True)

    def layer(self, state: StateId) -> Layer | None:
        return self.known.get(state)

    def chain(self, state: StateId) -> tuple[Layer, ...]:
        found: list[Layer] = []
        while state != SCRATCH:
            found.append(self.known[state])
            state = found[-1].parent
        return tuple(reversed(found))

    def listing(self, state: StateId) -> Listing | None:
        directory = self.known[state].directory
        return None if directory is None else decode((directory / "listing").read_bytes())

    def tree(self, state: StateId) -> Tree | None:
        listings = [self.listing(layer.state) for layer in self.chain(state)]
        return stack([each for each in listings if each is not None]) if None not in listings else None

    def scratch(self) -> Path:
        path = self.root / "tmp" / f"{time.time_ns():x}"
        path.mkdir()
        return path

    def commit(self, parent: StateId, scratch: Path, listing_digest: str, *, created: float, size: int) -> Layer:
        assert sorted(path.name for path in scratch.iterdir()) == ["fs", "listing"]
        state = state_of_digest(parent, listing_digest)
        if state not in self.known:
            self.known[state] = Layer(state, parent, self._take(scratch), created, size=size)
        assert state_over(parent, self.listing(state) or {}) == state
        return self.known[state]

    def _take(self, scratch: Path) -> Path:
        return scratch.rename(self.root / "layers" / scratch.name)

    def alias(self, parent: StateId, top: StateId, *, created: float) -> Layer:
        listing = self.listing(top)
        assert listing is not None
        state = state_over(parent, listing)
        self.known[state] = Layer(state, parent, self.known[top].directory, created, size=self.known[top].size)
        return self.known[state]

    def add_image(
        self, diff_ids: Sequence[str], layers: Sequence[Descriptor], repository: str, created: float
    ) -> StateId:
        parent = SCRATCH
        for state, diff_id, blob in zip(state_of_images(diff_ids), diff_ids, layers, strict=True):
            self.known.setdefault(state, Layer(state, parent, None, created, diff_id, (blob,), (repository,)))
            parent = state
        return parent

    def unpacked(self, state: StateId, scratch: Path, size: int) -> Layer:
        self.known[state] = replace(self.known[state], directory=self._take(scratch), size=size)
        return self.known[state]

    def archived(self, state: StateId, diff_id: str, blob: Descriptor) -> Layer:
        layer = self.known[state]
        self.known[state] = replace(layer, diff_id=diff_id, blobs=(*layer.blobs, blob))
        return self.known[state]

    def path(self, digest: str) -> Path | None:
        path = self.root / "blobs" / digest.partition(":")[2]
        return path if path.exists() else None

    def adopt(self, file: Path, digest: str) -> Path:
        return file.rename(self.root / "blobs" / digest.partition(":")[2])

    @asynccontextmanager
    async def claim(self, key: str) -> AsyncIterator[None]:
        async with self._claims.setdefault(key, anyio.Lock()):
            yield
