"""Rows of the index ↔ layers: the two queries that read them, and the form of what a column holds."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bake.oci.model import Descriptor
from bake.plan.tree import SCRATCH, StateId
from bake.ports.layers import Layer
from bake.store.database import Row

_COLUMNS = "t.name, t.unpacked, t.size, t.diff_id, t.blobs, t.sources"

ONE = f"""
SELECT l.state, l.parent, l.created, {_COLUMNS} FROM layers l JOIN trees t ON t.name = l.tree WHERE l.state = ?
"""

CHAIN = f"""
WITH RECURSIVE chain (state, parent, created, tree, depth) AS (
    SELECT state, parent, created, tree, 0 FROM layers WHERE state = ?
    UNION ALL
    SELECT l.state, l.parent, l.created, l.tree, c.depth + 1 FROM chain c JOIN layers l ON l.state = c.parent
)
SELECT c.state, c.parent, c.created, {_COLUMNS} FROM chain c JOIN trees t ON t.name = c.tree ORDER BY c.depth DESC
"""
"""Bottom first. References between the rows make sure that a chain has no gap."""

_blobs = msgspec.msgpack.Decoder(tuple[Descriptor, ...])
_sources = msgspec.msgpack.Decoder(tuple[str, ...])

NOTHING = msgspec.msgpack.encode(())
"""No blobs, or no sources."""


def layer_of(row: Row, layers: Path) -> Layer:
    """A layer from a row of `ONE` or `CHAIN`; `layers` is the directory of all layers."""
    state, parent, created, name, unpacked, size, diff_id, blobs, sources = row
    return Layer(
        StateId(state),
        StateId(parent) if parent is not None else SCRATCH,
        layers / name if unpacked else None,
        created,
        diff_id,
        blobs_of(blobs),
        sources_of(sources),
        size,
    )


def blobs_of(data: bytes) -> tuple[Descriptor, ...]:
    """A column `blobs`."""
    return () if data == NOTHING else _blobs.decode(data)


def sources_of(data: bytes) -> tuple[str, ...]:
    """A column `sources`."""
    return () if data == NOTHING else _sources.decode(data)


def parent_of(state: StateId) -> str | None:
    """A state as the column `parent`."""
    return None if state == SCRATCH else state


def raw(text: str) -> bytes:
    """A text that may hold a path, as its bytes: paths need not be Unicode, SQLite's texts must."""
    return text.encode("utf-8", "surrogateescape")


def text(data: bytes) -> str:
    """The reverse of `raw`."""
    return data.decode("utf-8", "surrogateescape")
