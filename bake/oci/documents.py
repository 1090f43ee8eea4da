"""Reading manifests, indexes and configs that others wrote: tolerant where Go's JSON is, strict where trust begins.

Go writes an empty list as `null` and reads `null` as empty, so published images hold both. Digests, sizes, the kind of
a document and its length are checked, for the bytes come from a registry (OCI image spec, manifest.md, image-index.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from bake.oci import media_types
from bake.oci.digest import is_digest
from bake.oci.model import Descriptor, ImageConfig, Index, Manifest

MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes. What registries must accept (distribution spec, § pushing manifests); nobody may send more."""
CONFIG_LIMIT = 16 * 1024 * 1024
"""Bytes. Far above real configs, whose history and labels grow slowly."""

# In these maps the key alone counts, and Go reads `null` as the empty value; elsewhere `null` is an absent field.
_NULL_IN = {"Volumes": {}, "ExposedPorts": {}, "Labels": "", "annotations": ""}

_D = TypeVar("_D", Manifest, Index, ImageConfig)


def decode_manifest(data: bytes, media_type: str = "") -> Manifest | Index:
    """The manifest or index in `data`; `media_type` as the registry said, of either family, or "" if it did not.

    Raises ValueError with a reason fit for a user: too long, not JSON, of no kind that bake reads, said to be one
    kind but being another, a digest or size that cannot be.
    """
    plain = _plain(data, MANIFEST_LIMIT, "manifest")
    kind = _kind(plain, media_type.partition(";")[0].strip())
    plain["mediaType"] = kind
    if kind in media_types.INDEXES:
        index = _convert(plain, Index, "image index")
        _check(index.manifests)
        return index
    manifest = _convert(plain, Manifest, "image manifest")
    _check((manifest.config, *manifest.layers))
    return manifest


def decode_config(data: bytes) -> ImageConfig:
    """The image config in `data`. Raises ValueError with a reason fit for a user."""
    config = _convert(_plain(data, CONFIG_LIMIT, "image config"), ImageConfig, "image config")
    for diff_id in config.rootfs.diff_ids:
        if not is_digest(diff_id):
            raise ValueError(f"diff id '{diff_id[:80]}' in the image config is not a sha256 digest")
    return config


def _plain(data: bytes, limit: int, what: str) -> dict[str, Any]:
    if len(data) > limit:
        raise ValueError(f"the {what} has {len(data)} bytes; more than {limit} are not accepted")
    try:
        document = _without_null(msgspec.json.decode(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"the {what} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"the {what} is not a JSON object")
    return document


def _kind(plain: dict[str, Any], said: str) -> str:
    """The media type; what the document says of itself, what the registry said and its shape must not disagree."""
    if plain.get("schemaVersion") == 1:
        raise ValueError("the image has a Docker schema 1 manifest, which is not supported; push it again")
    known = media_types.INDEXES | media_types.MANIFESTS
    own = plain.get("mediaType")
    if not isinstance(own, str | None):
        raise ValueError("the media type of the manifest is not a text")
    has_manifests, has_image = "manifests" in plain, "layers" in plain or "config" in plain
    if has_manifests and has_image:
        raise ValueError("the manifest is ambiguous: it is both an image and an index")
    if own is None:
        own = said if said in known else (media_types.OCI_INDEX if has_manifests else media_types.OCI_MANIFEST)
    if own not in known:
        raise ValueError(f"the manifest has the media type '{own}', which is not an image")
    if said in known and said != own:
        raise ValueError(f"the registry says the manifest is '{said}', the manifest itself says '{own}'")
    if has_manifests != (own in media_types.INDEXES) and (has_manifests or has_image):
        raise ValueError(f"the manifest says it is '{own}' but has the form of something else")
    return str(own)


def _convert(plain: dict[str, Any], kind: type[_D], what: str) -> _D:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"the {what} is not of the right form: {error}") from None


def _check(descriptors: Iterable[Descriptor]) -> None:
    for descriptor in descriptors:
        if not is_digest(descriptor.digest):
            raise ValueError(f"digest '{descriptor.digest[:80]}' in the manifest is not a sha256 digest")
        if descriptor.size < 0:
            raise ValueError(f"the manifest gives {descriptor.digest} a size of {descriptor.size} bytes")


def _without_null(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if key in _NULL_IN:
            return {k: _NULL_IN[key] if v is None else v for k, v in value.items()}
        return {k: _without_null(v, k) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_null(v) for v in value if v is not None]
    return value
