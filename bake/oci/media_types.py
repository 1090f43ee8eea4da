"""Media types of the OCI image spec and of its Docker ancestor."""

from __future__ import annotations

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = OCI_LAYER + "+gzip"
OCI_LAYER_ZSTD = OCI_LAYER + "+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = DOCKER_LAYER + ".gzip"

INDEXES = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
ACCEPTED = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX)

_TO_DOCKER = {
    OCI_INDEX: DOCKER_INDEX,
    OCI_MANIFEST: DOCKER_MANIFEST,
    OCI_CONFIG: DOCKER_CONFIG,
    OCI_LAYER: DOCKER_LAYER,
    OCI_LAYER_GZIP: DOCKER_LAYER_GZIP,
}
_TO_OCI = {docker: oci for oci, docker in _TO_DOCKER.items()}


def to_docker(media_type: str) -> str:
    """The Docker form of an OCI media type; others come back unchanged (zstd layers have no Docker form)."""
    return _TO_DOCKER.get(media_type, media_type)


def to_oci(media_type: str) -> str:
    """The OCI form of a Docker media type; others come back unchanged."""
    return _TO_OCI.get(media_type, media_type)


def compression_of(layer_media_type: str) -> str:
    """`gzip`, `zstd` or `` (plain tar) of a layer's media type."""
    if layer_media_type.endswith((".gzip", "+gzip")):
        return "gzip"
    return "zstd" if layer_media_type.endswith("+zstd") else ""
