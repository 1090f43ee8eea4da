"""Whether an image to be published is the one that a tag has already, but for the times in its config.

The rule `if-changed` asks: an image built again elsewhere has new times and so a new digest, though nobody wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from bake.errors import RemoteError
from bake.oci.documents import CONFIG_LIMIT, decode_manifest
from bake.oci.model import Descriptor, Index, Manifest
from bake.oci.reference import Reference
from bake.registry.client import Registry
from bake.registry.publication import Publication

_DATED_LABEL = "org.opencontainers.image.created"


async def same_but_for_times(registry: Registry, image: Publication, tag: Reference, current: Descriptor) -> bool:
    """Compares platform by platform: the same layers, and configs that differ in times only. Never raises."""
    try:
        there = await _manifests(registry, tag, current)
        ours = {digest: body for digest, body in _own(image).items() if image.configs.get(digest) is not None}
        if len(there) != len(ours) or not ours:
            return False
        theirs = [_plain(body, await _config(registry, tag, body)) for body in there]
        return all(_plain(body, image.configs[digest]) in theirs for digest, body in ours.items())
    except (RemoteError, ValueError):
        return False  # what cannot be compared is published


def _own(image: Publication) -> Mapping[str, Manifest]:
    """The image's manifests by the digests of their configs."""
    found = {}
    for document in (image.root, *image.manifests):
        body = decode_manifest(document.data, document.media_type)
        if isinstance(body, Manifest):
            found[str(body.config.digest)] = body
    return found


async def _manifests(registry: Registry, tag: Reference, current: Descriptor) -> list[Manifest]:
    """Those of images; attestations tell of a build, so they differ always."""
    _, data = await registry.manifest(tag.with_digest(current.digest))
    body = decode_manifest(data, current.media_type)
    if isinstance(body, Manifest):
        return [body]
    found = []
    for row in body.manifests:
        if row.platform is None or row.platform.os != "unknown":
            _, data = await registry.manifest(tag.with_digest(row.digest))
            inner = decode_manifest(data, row.media_type)
            if isinstance(inner, Index):
                raise ValueError("an index in an index")
            found.append(inner)
    return found


async def _config(registry: Registry, tag: Reference, manifest: Manifest) -> bytes:
    return await registry.blob(tag.repository, manifest.config, CONFIG_LIMIT)


def _plain(manifest: Manifest, config: bytes) -> Any:
    """What counts: media types, layers, annotations, and the config without its times."""
    document = msgspec.json.decode(config)
    if not isinstance(document, dict):
        raise ValueError("the config is no object")
    document.pop("created", None)
    for entry in document.get("history") or ():
        entry.pop("created", None)
    for labels in ((document.get("config") or {}).get("Labels") or {}, manifest.annotations or {}):
        labels.pop(_DATED_LABEL, None)
    layers = [(row.media_type, row.digest) for row in manifest.layers]
    return manifest.media_type, layers, manifest.annotations or {}, document
