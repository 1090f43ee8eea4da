"""What a tag points at: one manifest, or an index over platforms (reference/cache.md §12). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bake.image.assemble import Assembled
from bake.oci import media_types
from bake.oci.digest import sha256
from bake.oci.model import Descriptor, Index, encode


def index_of(
    images: Sequence[Assembled], *, docker: bool = False, annotations: Mapping[str, str] | None = None
) -> tuple[Descriptor, bytes]:
    """(descriptor, document) of what the tags of these images point at: the manifest itself when there is one only."""
    if len(images) == 1:
        return images[0].descriptor, images[0].manifest
    kind = media_types.DOCKER_INDEX if docker else media_types.OCI_INDEX
    manifests = tuple(image.descriptor for image in images)
    body = encode(Index(manifests, media_type=kind, annotations=dict(annotations) if annotations else None))
    return Descriptor(kind, sha256(body), len(body)), body
