"""From a reference and a platform to one image: through indexes to its manifest and config.

Layers stay where they are: whoever needs one fetches it by its descriptor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bake.errors import Diagnostic, RemoteError
from bake.oci.choose import choose_manifest, platforms_of
from bake.oci.documents import CONFIG_LIMIT, decode_config, decode_manifest
from bake.oci.model import Descriptor, ImageConfig, Index, Manifest
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import Reference
from bake.registry import problems
from bake.registry.client import Registry

_DEEPEST = 3  # an index may name indexes


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image without its layers. `root` is what the reference stood for: an index, or the manifest itself.

    `manifest_bytes` and `config_bytes` are as the registry holds them. `platform` is what the config says of itself.
    """

    reference: Reference
    root: Descriptor
    descriptor: Descriptor
    manifest: Manifest
    manifest_bytes: bytes
    config: ImageConfig
    config_bytes: bytes
    platform: Platform | None


async def pull_image(registry: Registry, reference: Reference, platform: Platform) -> PulledImage:
    """The image for `platform`. Raises RemoteError, which names the platforms that there are when none fits.

    A reference that names an image, not an index, gives that image whatever its platform: compare `platform`.
    """
    root, data = await registry.manifest(reference)
    descriptor = root
    for _ in range(_DEEPEST + 1):
        document = _manifest(reference, data, descriptor.media_type)
        if isinstance(document, Manifest):
            return await _with_config(registry, reference, root, descriptor, document, data)
        descriptor = _choose(reference, document, platform)
        _, data = await registry.manifest(replace(reference, digest=descriptor.digest))
        if len(data) != descriptor.size:
            what = f"read the manifest of {reference}"
            raise problems.unverified(what, f"it has {len(data)} bytes, the index says {descriptor.size}")
    raise problems.broken(f"pull {reference}", f"its indexes are nested more than {_DEEPEST} deep")


def _choose(reference: Reference, index: Index, platform: Platform) -> Descriptor:
    if (chosen := choose_manifest(index, platform)) is not None:
        return chosen
    there = ", ".join(str(p) for p in platforms_of(index)) or "none"
    raise RemoteError(
        Diagnostic(
            "no-such-platform",
            f"{reference.familiar} has no image for {platform}",
            hint=f"the platforms it has: {there}",
        )
    )


def _manifest(reference: Reference, data: bytes, media_type: str) -> Manifest | Index:
    try:
        return decode_manifest(data, media_type)
    except ValueError as error:
        raise problems.broken(f"read the manifest of {reference}", str(error)) from None


async def _with_config(
    registry: Registry, reference: Reference, root: Descriptor, descriptor: Descriptor, manifest: Manifest, data: bytes
) -> PulledImage:
    config_bytes = await registry.blob(reference.repository, manifest.config, CONFIG_LIMIT)
    try:
        config = decode_config(config_bytes)
    except ValueError as error:
        raise problems.broken(f"read the config of {reference}", str(error)) from None
    if len(config.rootfs.diff_ids) != len(manifest.layers):
        counts = f"{len(manifest.layers)} layers but {len(config.rootfs.diff_ids)} diff ids"
        raise problems.broken(f"pull {reference}", f"it is no image: it has {counts}")
    return PulledImage(reference, root, descriptor, manifest, data, config, config_bytes, _platform_of(config))


def _platform_of(config: ImageConfig) -> Platform | None:
    try:
        return parse_platform("/".join(p for p in (config.os, config.architecture, config.variant) if p))
    except ValueError:
        return None
