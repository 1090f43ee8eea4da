"""The JSON documents of the OCI image spec, with the field names of the spec (camelCase on the wire).

Decoding is strict about types and lenient about unknown fields, as the spec asks.
"""

from __future__ import annotations

import msgspec

from bake.oci import media_types
from bake.oci.digest import Digest
from bake.oci.platform import Platform, parse_platform


class PlatformSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """`platform` of a descriptor."""

    architecture: str
    os: str
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")

    @classmethod
    def of(cls, platform: Platform) -> PlatformSpec:
        return cls(architecture=platform.arch, os=platform.os, variant=platform.variant)

    def platform(self) -> Platform:
        """The normalised platform; an unreadable one raises ValueError."""
        return parse_platform("/".join(p for p in (self.os, self.architecture, self.variant) if p))


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a blob is, which one, and how many bytes it has."""

    media_type: str
    digest: Digest
    size: int
    annotations: dict[str, str] | None = None
    platform: PlatformSpec | None = None
    artifact_type: str | None = None
    urls: tuple[str, ...] | None = None
    data: str | None = None


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image manifest: one config, layers bottom first."""

    config: Descriptor
    layers: tuple[Descriptor, ...] = ()
    schema_version: int = 2
    media_type: str = media_types.OCI_MANIFEST
    annotations: dict[str, str] | None = None
    artifact_type: str | None = None
    subject: Descriptor | None = None


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """An image index: manifests by platform."""

    manifests: tuple[Descriptor, ...] = ()
    schema_version: int = 2
    media_type: str = media_types.OCI_INDEX
    annotations: dict[str, str] | None = None


class Healthcheck(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """Durations in nanoseconds; `test` starts with NONE, CMD or CMD-SHELL."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class RunConfig(msgspec.Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """`config` of an image config: what a container starts with. `env` holds `NAME=value` texts in order."""

    user: str = ""
    exposed_ports: dict[str, dict[str, str]] | None = None
    env: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: dict[str, dict[str, str]] | None = None
    working_dir: str = ""
    labels: dict[str, str] | None = None
    stop_signal: str = ""
    args_escaped: bool = False
    healthcheck: Healthcheck | None = None
    on_build: tuple[str, ...] | None = None
    shell: tuple[str, ...] | None = None


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of an image's history; entries without `empty_layer` pair with layers in order."""

    created: str | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class RootFS(msgspec.Struct, frozen=True):
    """Digests of the uncompressed layer archives, bottom first."""

    type: str = "layers"
    diff_ids: tuple[Digest, ...] = ()


class ImageConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image config document. `created` is RFC 3339."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str | None = None
    author: str = ""
    config: RunConfig = RunConfig()
    rootfs: RootFS = RootFS()
    history: tuple[History, ...] = ()
    os_version: str = msgspec.field(default="", name="os.version")
    os_features: tuple[str, ...] = msgspec.field(default=(), name="os.features")


def encode(document: msgspec.Struct) -> bytes:
    """Canonical bytes of a document: sorted keys, no blanks, empty optional fields left out."""
    plain = msgspec.to_builtins(document)
    return msgspec.json.encode(_without_none(plain), order="sorted")


def _without_none(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value
