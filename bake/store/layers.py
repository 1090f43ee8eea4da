"""States and their layers (`ports.Layers`): rows of the index, directories below `layers/`.

A directory gets its place by rename before its row is written, so at any instant of death a row's directory is there.
Files are not fsynced one by one: after a power failure `verify` tells what is damaged (DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

import msgspec

from bake.errors import Diagnostic, HostError
from bake.oci.model import Descriptor
from bake.plan.listing import decode, listing_digest
from bake.plan.tree import SCRATCH, Listing, StateId, Tree, stack, state_of_digest, state_of_images
from bake.ports import Layer
from bake.store.database import Database
from bake.store.scratches import Scratches

_COLUMNS = "state, parent, tree, created, diff_id, blobs, sources, size"
_MOST_TREES = 16


class SqlLayers:
    """See `ports.Layers` for the guarantees."""

    def __init__(self, database: Database, root: Path, scratches: Scratches) -> None:
        self._database = database
        self._root = root
        self._scratches = scratches
        self._trees: dict[StateId, Tree] = {}
        self._selections: dict[tuple[StateId, str], str] = {}

    def layer(self, state: StateId) -> Layer | None:
        row = self._database.one(f"SELECT {_COLUMNS} FROM layers WHERE state = ?", (state,))
        return self._layer(row) if row else None

    def _layer(self, row: tuple[Any, ...]) -> Layer:
        state, parent, tree, created, diff_id, blobs, sources, size = row
        return Layer(
            state=state,
            parent=parent,
            directory=self._root / tree if tree else None,
            created=created,
            diff_id=diff_id,
            blobs=msgspec.msgpack.decode(blobs, type=tuple[Descriptor, ...]),
            sources=msgspec.msgpack.decode(sources, type=tuple[str, ...]),
            size=size,
        )

    def chain(self, state: StateId) -> tuple[Layer, ...]:
        found: list[Layer] = []
        while state != SCRATCH:
            layer = self.layer(state)
            if layer is None:
                message = f"the layer {state[:12]} is gone from the store"
                raise HostError(Diagnostic("lost-layer", message, hint="build again with --no-cache"))
            found.append(layer)
            state = layer.parent
        return tuple(reversed(found))

    def listing(self, state: StateId) -> Listing | None:
        layer = self.layer(state)
        return self._read(layer) if layer is not None and layer.directory is not None else None

    def _read(self, layer: Layer) -> Listing:
        assert layer.directory is not None
        try:
            return decode((layer.directory / "listing").read_bytes())
        except (OSError, msgspec.DecodeError):
            message = f"the listing of the layer {layer.state[:12]} cannot be read"
            raise HostError(Diagnostic("damaged-layer", message, hint="run bake cache verify")) from None

    def tree(self, state: StateId) -> Tree | None:
        if state in self._trees:
            return self._trees[state]
        layers = self.chain(state)
        if any(layer.directory is None for layer in layers):
            return None
        tree = stack([self._read(layer) for layer in layers])
        if len(self._trees) >= _MOST_TREES:
            del self._trees[next(iter(self._trees))]
        self._trees[state] = tree
        return tree

    def scratch(self) -> Path:
        return self._scratches.new()

    def commit(self, parent: StateId, scratch: Path, listing_digest: str, *, created: float, size: int) -> Layer:
        state = state_of_digest(parent, listing_digest)
        known = self.layer(state)
        if known is not None and known.directory is not None:
            rmtree(scratch, ignore_errors=True)
            return known
        tree = self._place(scratch, state)
        self._insert(state, parent, tree, listing_digest, created, size)
        return self._must(state)

    def alias(self, parent: StateId, top: StateId, *, created: float) -> Layer:
        row = self._database.one("SELECT tree, listing, size FROM layers WHERE state = ?", (top,))
        if row is None or row[0] is None:
            raise HostError(Diagnostic("lost-layer", f"the layer {top[:12]} is gone from the store"))
        tree, digest, size = row
        digest = digest or listing_digest(self._read(self._must(top)))
        state = state_of_digest(parent, digest)
        known = self.layer(state)
        if known is not None and known.directory is not None:
            return known
        self._insert(state, parent, tree, digest, created, size)
        return self._must(state)

    def add_image(
        self, diff_ids: Sequence[str], layers: Sequence[Descriptor], repository: str, created: float
    ) -> StateId:
        parent = SCRATCH
        registry = repository.partition("/")[0]
        with self._database.transaction():
            for state, diff_id, blob in zip(state_of_images(diff_ids), diff_ids, layers, strict=True):
                known = self.layer(state)
                sources = dict.fromkeys((repository, *(known.sources if known else ())))
                if known is None:
                    self._insert(state, parent, None, "", created, 0, diff_id, (blob,), tuple(sources))
                elif tuple(sources) != known.sources:
                    packed = msgspec.msgpack.encode(tuple(sources))
                    self._database.run("UPDATE layers SET sources = ? WHERE state = ?", (packed, state))
                self._database.run(
                    "INSERT OR IGNORE INTO locations (registry, digest, repository, seen) VALUES (?, ?, ?, 0)",
                    (registry, blob.digest, repository),
                )
                parent = state
        return parent

    def unpacked(self, state: StateId, scratch: Path, size: int) -> Layer:
        tree = self._place(scratch, state)
        self._database.run("UPDATE layers SET tree = ?, size = ? WHERE state = ?", (tree, size, state))
        return self._must(state)

    def archived(self, state: StateId, diff_id: str, blob: Descriptor) -> Layer:
        with self._database.transaction():
            layer = self._must(state)
            blobs = (*(b for b in layer.blobs if b.digest != blob.digest), blob)
            self._database.run(
                "UPDATE layers SET diff_id = ?, blobs = ? WHERE state = ?",
                (layer.diff_id or diff_id, msgspec.msgpack.encode(blobs), state),
            )
        return self._must(state)

    def selection(self, state: StateId, selector: str) -> str | None:
        if (state, selector) in self._selections:
            return self._selections[state, selector]
        row = self._database.one("SELECT digest FROM selections WHERE state = ? AND selector = ?", (state, selector))
        return row[0] if row else None

    def remember_selection(self, state: StateId, selector: str, digest: str) -> None:
        self._selections[state, selector] = digest

    def flush(self) -> None:
        """Writes the selections that were only remembered so far."""
        rows = [(state, selector, digest) for (state, selector), digest in self._selections.items()]
        self._database.many("INSERT OR REPLACE INTO selections (state, selector, digest) VALUES (?, ?, ?)", rows)
        self._selections.clear()

    def _must(self, state: StateId) -> Layer:
        layer = self.layer(state)
        if layer is None:
            raise HostError(Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store"))
        return layer

    def _place(self, scratch: Path, state: StateId) -> str:
        """Moves a complete scratch to its place. A directory that is there already came from a run that died."""
        try:
            scratch.rename(self._root / state)
        except OSError:
            if not (self._root / state / "listing").is_file():
                raise
            rmtree(scratch, ignore_errors=True)
        return state

    def _insert(
        self,
        state: StateId,
        parent: StateId,
        tree: str | None,
        listing: str,
        created: float,
        size: int,
        diff_id: str = "",
        blobs: Sequence[Descriptor] = (),
        sources: Sequence[str] = (),
    ) -> None:
        packed = msgspec.msgpack.encode(tuple(blobs)), msgspec.msgpack.encode(tuple(sources))
        self._database.run(
            "INSERT INTO layers (state, parent, tree, listing, created, diff_id, size, blobs, sources)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (state) DO NOTHING",
            (state, parent, tree, listing, created, diff_id, size, *packed),
        )
