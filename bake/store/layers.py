"""States and their layers: a directory moved in, then its row, both under the index's write lock.

So a row's directory is always there, and a directory without a row belongs to nobody (sweep.py). A state names a tree
(a directory); aliases share one, and with it the diff id and the blobs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree

import msgspec

from bake.errors import Diagnostic, HostError, LostLayer
from bake.oci.model import Descriptor
from bake.plan.listing import encode, listing_digest, times_given, with_times_given
from bake.plan.tree import SCRATCH, Listing, StateId, Tree, state_above, state_of_digest, state_of_images
from bake.ports.layers import Layer
from bake.store.blobs import BlobDirectory
from bake.store.database import Database
from bake.store.owner import Owner
from bake.store.rows import CHAIN, NOTHING, ONE, blobs_of, layer_of, parent_of, sources_of
from bake.store.trees import Trees, read_listing
from bake.store.trouble import mapped

_MOST_CHAINS = 1000
_LISTING = "SELECT t.name, t.listing, l.created FROM layers l JOIN trees t ON t.name = l.tree WHERE l.state = ?"
_TIMES = "SELECT paths FROM times_given WHERE tree = ?"
_SAY = "UPDATE trees SET diff_id = ?, blobs = ?, sources = ? WHERE name = ?"


class LayerTable:
    """See ports.layers.Layers."""

    def __init__(self, root: Path, database: Database, owner: Owner, blobs: BlobDirectory, boot: str) -> None:
        self._directory = root / "layers"
        self._root = root
        self._database = database
        self._owner = owner
        self._blobs = blobs
        self._boot = boot
        self._trees = Trees(root)
        self._chains: dict[StateId, tuple[Layer, ...]] = {}
        self._chains_of = (-1, -1)

    # Reading

    def layer(self, state: StateId) -> Layer | None:
        row = self._database.one(ONE, state)
        return layer_of(row, self._directory) if row is not None else None

    def chain(self, state: StateId) -> tuple[Layer, ...]:
        if state == SCRATCH:
            return ()
        version = self._database.version()
        if version != self._chains_of or len(self._chains) > _MOST_CHAINS:
            self._chains, self._chains_of = {}, version
        chains = self._chains  # the one of this version, even if another thread makes a new one now
        found = chains.get(state)
        if found is None:
            found = tuple(layer_of(row, self._directory) for row in self._database.all(CHAIN, (state,)))
            if not found:
                raise lost(state)
            chains[state] = found
        return found

    def tree(self, state: StateId) -> Tree | None:
        return self._trees.of(self.chain(state))

    def listing(self, state: StateId) -> Listing | None:
        layer = self.layer(state)
        return None if layer is None or layer.directory is None else read_listing(layer.directory, self._root)

    def selection(self, state: StateId, selector: str) -> str | None:
        row = self._database.one("SELECT digest FROM selections WHERE state = ? AND selector = ?", state, selector)
        return row[0] if row is not None else None

    def selections(self, state: StateId) -> Mapping[str, str]:
        return dict(self._database.all("SELECT selector, digest FROM selections WHERE state = ?", (state,)))

    def listing_digest(self, state: StateId) -> str:
        row = self._database.one(_LISTING, state)
        return row[1] if row is not None and row[1] else self._listing_digest(state)

    def times_given(self, state: StateId) -> bytes:
        listing = self.listing(state)
        if listing is not None:
            return times_given(listing)
        row = self._database.one("SELECT paths FROM times_given g JOIN layers l USING (tree) WHERE l.state = ?", state)
        return row[0] if row is not None else b""

    def remember_selection(self, state: StateId, selector: str, digest: str) -> None:
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO selections VALUES (?, ?, ?)", (state, selector, digest))

    # Making

    def scratch(self) -> Path:
        with mapped(self._root):
            return self._owner.scratch()

    def commit(self, parent: StateId, scratch: Path, listing_digest: str, *, created: float, size: int) -> Layer:
        state = state_of_digest(parent, listing_digest)
        with self._database.write() as connection:
            row = connection.execute(ONE, (state,)).fetchone()
            if row is None:
                self._need_parent(connection, parent)
                values = (state, listing_digest, size, NOTHING, NOTHING, self._boot)
                connection.execute("INSERT INTO trees VALUES (?, ?, 1, ?, '', ?, ?, ?)", values)
                connection.execute("INSERT INTO layers VALUES (?, ?, ?, ?)", (state, parent_of(parent), state, created))
                self._move_in(scratch, state)
            elif not row[4]:
                self._fill(connection, row[3], scratch, size, listing_digest)
        rmtree(scratch, ignore_errors=True)  # still there only if an equal layer is older
        return self._known(state)

    def alias(self, parent: StateId, top: StateId) -> Layer:
        row = self._database.one(_LISTING, top)
        if row is None:
            raise lost(top)
        tree, digest, created = row
        state = state_of_digest(parent, digest or self._listing_digest(top))
        known = self.layer(state)
        if known is not None:
            return known
        with self._database.write() as connection:
            self._need_parent(connection, parent)
            values = (state, parent_of(parent), tree, created)
            connection.execute("INSERT OR IGNORE INTO layers VALUES (?, ?, ?, ?)", values)
        return self._known(state)

    def unpacked(self, state: StateId, scratch: Path, size: int) -> Layer:
        with self._database.write() as connection:
            row = connection.execute(ONE, (state,)).fetchone()
            if row is None:
                raise lost(state)
            if not row[4]:
                (digest,) = connection.execute("SELECT listing FROM trees WHERE name = ?", (row[3],)).fetchone()
                if digest:
                    self._check(state, scratch, digest, connection.execute(_TIMES, (row[3],)).fetchone())
                    connection.execute("DELETE FROM times_given WHERE tree = ?", (row[3],))
                    # What the cache said of it was as good as its word; from now on the files tell.
                    connection.execute("DELETE FROM selections WHERE state = ?", (state,))
                self._fill(connection, row[3], scratch, size, digest)
        rmtree(scratch, ignore_errors=True)
        return self._known(state)

    def _check(self, state: StateId, scratch: Path, digest: str, times: tuple[bytes] | None) -> None:
        """That it is what its state names, once it is noted which times were given."""
        listing = read_listing(scratch, self._root)
        if times is not None:
            listing = with_times_given(listing, *times)
            (scratch / "listing").write_bytes(encode(listing))
        if listing_digest(listing) != digest:
            message = f"a cache holds something else than it says under the name of the layer {state[:12]}"
            raise LostLayer(Diagnostic("layer-mismatch", message, hint="nothing of it was used"), state)

    # Images, archives, caches

    def add_image(
        self, diff_ids: Sequence[str], layers: Sequence[Descriptor], repository: str, created: float
    ) -> StateId:
        parent = SCRATCH
        with self._database.write() as connection:
            for state, diff_id, blob in zip(state_of_images(diff_ids), diff_ids, layers, strict=True):
                row = connection.execute(ONE, (state,)).fetchone()
                if row is None:
                    blobs, sources = msgspec.msgpack.encode((blob,)), msgspec.msgpack.encode((repository,))
                    connection.execute(
                        "INSERT INTO trees VALUES (?, '', 0, ?, ?, ?, ?, '')", (state, 0, diff_id, blobs, sources)
                    )
                    connection.execute(
                        "INSERT INTO layers VALUES (?, ?, ?, ?)", (state, parent_of(parent), state, created)
                    )
                else:
                    self._add_source(connection, row, blob, repository)
                parent = state
        return parent

    def add_built(self, parent: StateId, diff_id: str, blob: Descriptor, created: float) -> Layer:
        state = state_above(parent, diff_id)
        with self._database.write() as connection:
            if connection.execute(ONE, (state,)).fetchone() is None:
                self._need_parent(connection, parent)
                tree = (state, diff_id, msgspec.msgpack.encode((blob,)), NOTHING)
                connection.execute("INSERT INTO trees VALUES (?, '', 0, 0, ?, ?, ?, '')", tree)
                layer = (state, parent_of(parent), state, created)
                connection.execute("INSERT INTO layers VALUES (?, ?, ?, ?)", layer)
        return self.archived(state, diff_id, blob)

    def archived(self, state: StateId, diff_id: str, blob: Descriptor) -> Layer:
        with self._database.write() as connection:
            row = connection.execute(ONE, (state,)).fetchone()
            if row is None:
                raise lost(state)
            blobs = blobs_of(row[7])
            # A blob of another diff id is no archive of this layer: the first one stays.
            if row[6] in ("", diff_id) and all(other != blob for other in blobs):
                values = (diff_id, msgspec.msgpack.encode((*blobs, blob)), row[3])
                connection.execute("UPDATE trees SET diff_id = ?, blobs = ? WHERE name = ?", values)
        return self._known(state)

    def adopt(
        self,
        parent: StateId,
        listing_digest: str,
        *,
        created: float,
        diff_id: str = "",
        blobs: Sequence[Descriptor] = (),
        sources: Sequence[str] = (),
        times_given: bytes = b"",
    ) -> Layer | None:
        state = state_of_digest(parent, listing_digest)
        said = diff_id, msgspec.msgpack.encode(tuple(blobs)), msgspec.msgpack.encode(tuple(sources))
        with self._database.write() as connection:
            row = connection.execute(ONE, (state,)).fetchone()
            if row is None:
                if parent != SCRATCH and not _exists(connection, parent):
                    return None
                tree = (state, listing_digest, *said)
                connection.execute("INSERT OR IGNORE INTO trees VALUES (?, ?, 0, 0, ?, ?, ?, '')", tree)
                connection.execute("INSERT INTO layers VALUES (?, ?, ?, ?)", (state, parent_of(parent), state, created))
                self._say_times(connection, state, times_given)
            elif blobs and not row[4] and not blobs_of(row[7]):
                connection.execute(_SAY, (*said, row[3]))
                self._say_times(connection, row[3], times_given)
        return self._known(state)

    def forget(self, state: StateId) -> None:
        with self._database.write() as connection:
            row = connection.execute(ONE, (state,)).fetchone()
            if row is None:
                return
            connection.execute(_SAY, ("", NOTHING, NOTHING, row[3]))
            if not row[4]:
                connection.execute("DELETE FROM layers WHERE tree = ?", (row[3],))
                connection.execute("DELETE FROM trees WHERE name NOT IN (SELECT tree FROM layers)")

    # Within a transaction

    def _say_times(self, connection: sqlite3.Connection, tree: str, times: bytes) -> None:
        if times:
            connection.execute("INSERT OR REPLACE INTO times_given VALUES (?, ?)", (tree, times))

    def _fill(self, connection: sqlite3.Connection, tree: str, scratch: Path, size: int, digest: str) -> None:
        """Gives a tree that is only known its directory."""
        values = (digest, size, self._boot, tree)
        connection.execute("UPDATE trees SET unpacked = 1, listing = ?, size = ?, boot = ? WHERE name = ?", values)
        self._move_in(scratch, tree)

    def _move_in(self, scratch: Path, tree: str) -> None:
        """The last thing in a transaction. A directory in the way has no row: its process died right here."""
        for name in ("fs", "listing"):
            (scratch / name).lstat()
        target = self._directory / tree
        if target.exists():
            target.rename(self._owner.place())
        scratch.rename(target)

    def _add_source(self, connection: sqlite3.Connection, row: tuple[object, ...], blob: Descriptor, name: str) -> None:
        """Another repository of a known layer; with another blob only if the known one was never downloaded."""
        _, _, _, tree, unpacked, _, _, old_blobs, old_sources = row
        assert isinstance(old_blobs, bytes) and isinstance(old_sources, bytes)
        blobs, sources = blobs_of(old_blobs), sources_of(old_sources)
        if blobs and blobs[0].digest == blob.digest:
            sources = (name, *(other for other in sources if other != name))
        elif not unpacked and not any(self._blobs.path(other.digest) for other in blobs):
            blobs, sources = (blob,), (name,)
        values = (msgspec.msgpack.encode(blobs), msgspec.msgpack.encode(sources), tree)
        connection.execute("UPDATE trees SET blobs = ?, sources = ? WHERE name = ?", values)

    def _need_parent(self, connection: sqlite3.Connection, parent: StateId) -> None:
        if parent != SCRATCH and not _exists(connection, parent):
            raise lost(parent)

    def _listing_digest(self, state: StateId) -> str:
        listing = self.listing(state)
        if listing is None:
            raise HostError(Diagnostic("lost-layer", f"the layer {state[:12]} is not unpacked"))
        return listing_digest(listing)

    def _known(self, state: StateId) -> Layer:
        layer = self.layer(state)
        if layer is None:
            raise lost(state)
        return layer


def lost(state: StateId) -> HostError:
    """The error for a state whose layer is not in the store."""
    hint = "build again; if it stays, run bake cache verify"
    return HostError(Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store", hint=hint))


def _exists(connection: sqlite3.Connection, state: StateId) -> bool:
    return connection.execute("SELECT 1 FROM layers WHERE state = ?", (state,)).fetchone() is not None
