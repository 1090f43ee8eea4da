"""The one OCI artifact that a cache is in a registry or a layout, and what else may lie where a cache was looked for.

    manifest   artifactType application/vnd.bake.cache.v1, config `{}`
    layers[0]  the catalog, layers[1] the parts of keys, then the archives of layers that are in no image

A registry cannot compare and swap a tag, so each writer first puts what it adds under a tag of its own (a note), and
then merges all notes into the artifact. `absorbed` and `horizon` say which notes an artifact holds already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256 as hash_of

from bake.image.form import LEVEL
from bake.oci import media_types
from bake.oci.digest import Digest, sha256
from bake.oci.documents import decode_manifest
from bake.oci.model import Descriptor, Index, Manifest, encode
from bake.remote.catalog import Blob, Catalog

ARTIFACT_TYPE = "application/vnd.bake.cache.v1"
CATALOG_TYPE = "application/vnd.bake.cache.catalog.v1+zstd"
PARTS_TYPE = "application/vnd.bake.cache.parts.v1+zstd"
BUILDKIT_TYPE = "application/vnd.buildkit.cacheconfig.v0"
BUILDKIT_INLINE = b'"moby.buildkit.cache.v0"'

CONFIG = b"{}"
CONFIG_DESCRIPTOR = Descriptor(media_types.OCI_EMPTY, sha256(CONFIG), len(CONFIG))

_ABSORBED, _HORIZON = "dev.bake.cache.absorbed", "dev.bake.cache.horizon"
_MOST_TAG = 100
_NOTE = re.compile(r"([0-9a-f]{8})-[0-9a-f]{8}")


class NotOurs(ValueError):
    """What lies there is no cache of bake; the message says what it is. `image`: an image, beside which one may lie."""

    def __init__(self, message: str, image: Manifest | Index | None = None) -> None:
        super().__init__(message)
        self.image = image


@dataclass(frozen=True)
class Artifact:
    """`held` are archives of layers; `absorbed` names of notes, all older than `horizon` (unix seconds) besides."""

    catalog: Descriptor
    parts: Descriptor
    held: tuple[Descriptor, ...] = ()
    absorbed: tuple[str, ...] = ()
    horizon: int = 0

    def has(self, note: str) -> bool:
        """Whether it holds what that note says."""
        return note in self.absorbed or note_time(note) < self.horizon


def document(artifact: Artifact) -> bytes:
    """The manifest's bytes."""
    annotations = {_ABSORBED: " ".join(sorted(artifact.absorbed)), _HORIZON: str(artifact.horizon)}
    layers = (artifact.catalog, artifact.parts, *artifact.held)
    return encode(Manifest(CONFIG_DESCRIPTOR, layers, annotations=annotations, artifact_type=ARTIFACT_TYPE))


def read(data: bytes, media_type: str = "") -> Artifact:
    """Raises NotOurs."""
    try:
        found = decode_manifest(data, media_type)
    except ValueError as error:
        raise NotOurs(str(error)) from None
    rows = found.manifests if isinstance(found, Index) else (found.config, *found.layers)
    if any(row.media_type == BUILDKIT_TYPE for row in rows):
        raise NotOurs(f"it is a cache of BuildKit ({BUILDKIT_TYPE}), whose keys mean something else than bake's")
    if isinstance(found, Index) or found.artifact_type != ARTIFACT_TYPE:
        kind = "an image" if isinstance(found, Index) or found.artifact_type is None else f"a {found.artifact_type}"
        raise NotOurs(f"it is {kind}, not a cache", found)
    kinds = tuple(row.media_type for row in found.layers[:2])
    if kinds != (CATALOG_TYPE, PARTS_TYPE):
        raise NotOurs(f"it is a cache of a form that this bake does not know ({', '.join(kinds) or 'empty'})")
    notes = found.annotations or {}
    horizon = notes.get(_HORIZON, "")
    return Artifact(
        found.layers[0],
        found.layers[1],
        found.layers[2:],
        tuple(notes.get(_ABSORBED, "").split()),
        int(horizon) if horizon.isdecimal() else 0,
    )


def note_prefix(tag: str) -> str:
    """What the tags of the notes of a cache begin with; the part after it is the note's name."""
    return f"{tag}." if len(tag) <= _MOST_TAG else f"{tag[:80]}-{hash_of(tag.encode()).hexdigest()[:8]}."


def note_name(now: float, chance: str) -> str:
    """A new note's name: when it was written, and 8 hex digits of chance."""
    return f"{int(now):08x}-{chance}"


def note_time(name: str) -> int:
    """When a note was written, in unix seconds."""
    return int(name[:8], 16)


def notes_in(tags: Iterable[str], tag: str) -> tuple[str, ...]:
    """The names of the notes among tags, the oldest first."""
    prefix = note_prefix(tag)
    names = (each.removeprefix(prefix) for each in tags if each.startswith(prefix))
    return tuple(sorted(name for name in names if _NOTE.fullmatch(name)))


def beside(digest: str) -> str:
    """The tag under which the cache of an image lies (`type=inline`), given the digest of what its tags point at."""
    return digest.replace(":", "-") + ".bake"


def held_by(catalog: Catalog) -> dict[str, Descriptor]:
    """The archives that a cache is to hold itself, by digest."""
    blobs = sorted(blob for state in catalog.states.values() for blob in state.blobs if "" in blob.sources)
    return {blob.digest: descriptor_of(blob) for blob in blobs}


def descriptor_of(blob: Blob) -> Descriptor:
    """What names an archive. Of what a cache notes on it only the level of compression counts, and only as a number."""
    notes = {name: value for name, value in blob.annotations if name == LEVEL and value.isdecimal() and len(value) < 3}
    return Descriptor(blob.media_type, Digest(blob.digest), blob.size, annotations=notes or None)
