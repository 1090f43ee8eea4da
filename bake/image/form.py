"""How the documents and the layers of an image are made: what an output can choose. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bake.image.annotations import Annotation
from bake.oci.model import Descriptor
from bake.plan.epoch import epoch_of
from bake.plan.outcome import Image

_DEFAULT_LEVELS = {"gzip": 1, "zstd": 3, "none": 0}
LEVEL = "bake.compression-level"
"""Annotation of a blob in the store that was not packed with the default level; it leaves with no manifest."""


@dataclass(frozen=True, slots=True)
class Compression:
    """`kind` is `gzip`, `zstd` or `none`; `level` None takes the default; `force`: layers of base images too."""

    kind: str = "gzip"
    level: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """`docker` chooses Docker's media types; `artifacts`: attestations as OCI artifacts rather than as images."""

    docker: bool = False
    compression: Compression = Compression()
    annotations: tuple[Annotation, ...] = ()
    artifacts: bool = True
    source_date: str | None = None
    rewrite: bool = True
    """Whether an epoch also dates the files of layers. The peer does so only when asked; then two builds differ."""

    def epoch(self, image: Image) -> int | None:
        """What no time of the image may exceed: the output's own, else the build's SOURCE_DATE_EPOCH."""
        return image.epoch if self.source_date is None else epoch_of(self.source_date)

    def latest_file(self, image: Image) -> int | None:
        """The same for files in layers."""
        return self.epoch(image) if self.rewrite else None


def level_of(kind: str, level: int | None) -> int:
    """The level that is meant."""
    return _DEFAULT_LEVELS[kind] if level is None else level


def packed_level(kind: str, blob: Descriptor) -> int:
    """The level that a blob of the store was packed with."""
    noted = (blob.annotations or {}).get(LEVEL)
    return level_of(kind, int(noted) if noted else None)


def level_note(kind: str, level: int) -> dict[str, str] | None:
    """The annotations of a blob packed so."""
    return None if level == level_of(kind, None) else {LEVEL: str(level)}
