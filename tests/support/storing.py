"""Small layers for tests of a store: text files in a scratch directory, with the listing that tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from bake.oci import media_types
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.plan.listing import encode, listing_digest
from bake.plan.tree import SCRATCH, Entry, StateId, ordered
from bake.ports.layers import Layer, Layers


def listing_of(files: Mapping[str, str | None]) -> dict[str, Entry]:
    """Path → text of a file, None for a path that the layer deletes."""
    return ordered({path: _entry(text) for path, text in files.items()})


def _entry(text: str | None) -> Entry:
    if text is None:
        return Entry("w")
    data = text.encode("utf-8", "surrogateescape")
    return Entry("f", 0o644, size=len(data), digest=sha256(data).hexdigest())


def fill(scratch: Path, files: Mapping[str, str | None]) -> tuple[str, int]:
    """Writes `fs/` and `listing`; (digest of the listing, bytes)."""
    (scratch / "fs").mkdir()
    for path, text in files.items():
        if text is not None:
            target = scratch / "fs" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode("utf-8", "surrogateescape"))
    listing = listing_of(files)
    (scratch / "listing").write_bytes(encode(listing))
    return listing_digest(listing), sum(entry.size for entry in listing.values())


def commit(layers: Layers, parent: StateId = SCRATCH, created: float = 1.0, **files: str | None) -> Layer:
    """A layer with these files; `a_b="x"` is the file a_b."""
    scratch = layers.scratch()
    digest, size = fill(scratch, files)
    return layers.commit(parent, scratch, digest, created=created, size=size)


def unpack(layers: Layers, state: StateId, **files: str | None) -> Layer:
    """Gives an image's layer its files."""
    scratch = layers.scratch()
    _, size = fill(scratch, files)
    return layers.unpacked(state, scratch, size)


def blob_of(data: bytes) -> Descriptor:
    """What names a layer's blob."""
    return Descriptor(media_types.OCI_LAYER_GZIP, Digest(f"sha256:{sha256(data).hexdigest()}"), len(data))


def diff_id(name: str) -> str:
    """A diff id that nothing else has."""
    return f"sha256:{sha256(name.encode()).hexdigest()}"
