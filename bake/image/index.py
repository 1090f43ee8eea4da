"""What a tag points at: one manifest, or an index over platforms and attestations (reference/cache.md §12). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bake.image.assemble import Assembled
from bake.oci import media_types
from bake.oci.digest import sha256
from bake.oci.model import Descriptor, Index, encode


def index_of(
    images: Sequence[Assembled],
    attestations: Sequence[Descriptor] = (),
    *,
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
    of_descriptor: Mapping[str, str] | None = None,
) -> tuple[Descriptor, bytes]:
    """(descriptor, document) of what the tags of these images point at.

    That is the manifest itself when there is one only and nothing attests it. `annotations` are the index's own,
    `of_descriptor` those of what names it in an OCI layout.
    """
    if len(images) == 1 and not attestations:
        return images[0].descriptor, images[0].manifest
    kind = media_types.DOCKER_INDEX if docker else media_types.OCI_INDEX
    manifests = (*(image.descriptor for image in images), *attestations)
    body = encode(Index(manifests, media_type=kind, annotations=dict(annotations) if annotations else None))
    outer = dict(of_descriptor) if of_descriptor else None
    return Descriptor(kind, sha256(body), len(body), annotations=outer), body
