"""in-toto statements, and the manifest that binds those of one image to it (reference/cache.md §13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import msgspec

from bake.oci import media_types
from bake.oci.digest import Digest, hex_of, sha256
from bake.oci.model import Descriptor, ImageConfig, Manifest, PlatformSpec, RootFS, encode
from bake.oci.platform import Platform
from bake.oci.reference import DEFAULT_DOMAIN, Reference

TYPE = "https://in-toto.io/Statement/v1"
STATEMENT = "application/vnd.in-toto+json"
ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json"
_UNKNOWN = PlatformSpec("unknown", "unknown")
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said: the predicate, its type, and the name of a file that holds it."""

    predicate_type: str
    predicate: Mapping[str, object]
    file: str


@dataclass(frozen=True, slots=True)
class Attached:
    """The attestation manifest of one image: its entry in the index, its bytes, and its blobs with theirs."""

    descriptor: Descriptor
    manifest: bytes = field(repr=False)
    blobs: tuple[tuple[Descriptor, bytes], ...] = field(repr=False)


def purl(reference: Reference, platform: Platform) -> str:
    """The package URL of an image: `pkg:docker/localhost:5000/app@1.0?platform=linux%2Famd64`."""
    path = reference.path.removeprefix("library/") if reference.domain == DEFAULT_DOMAIN else str(reference.repository)
    name = "/".join(quote(part, safe=":") for part in path.split("/"))
    version = f"@{quote(reference.tag)}" if reference.tag else ""
    digest = f"digest={reference.digest}&" if reference.digest else ""
    return f"pkg:docker/{name}{version}?{digest}platform={quote(str(platform), safe='')}"


def subjects(image: Descriptor, names: Sequence[Reference], platform: Platform) -> list[dict[str, object]]:
    """What a statement is about: the image's manifest, under each of its names."""
    digest = {"sha256": hex_of(image.digest)}
    known = [purl(name, platform) for name in names] or ["_"]
    return [{"name": name, "digest": digest} for name in known]


def statement_json(statement: Statement, subject: Sequence[Mapping[str, object]]) -> bytes:
    """Canonical bytes: sorted keys, no blanks."""
    document = {
        "_type": TYPE,
        "predicateType": statement.predicate_type,
        "subject": list(subject),
        "predicate": statement.predicate,
    }
    return msgspec.json.encode(document, order="sorted")


def attach(
    image: Descriptor,
    statements: Sequence[Statement],
    names: Sequence[Reference],
    platform: Platform,
    *,
    artifact: bool = True,
) -> Attached:
    """The attestation manifest of `image`; `artifact` False gives the older form, which looks like an image."""
    subject = subjects(image, names, platform)
    layers = [_blob(statement, statement_json(statement, subject)) for statement in statements]
    config = _empty() if artifact else _config([descriptor for descriptor, _ in layers])
    manifest = encode(
        Manifest(
            config[0],
            tuple(descriptor for descriptor, _ in layers),
            artifact_type=ARTIFACT if artifact else None,
            subject=Descriptor(image.media_type, image.digest, image.size) if artifact else None,
        )
    )
    entry = Descriptor(
        media_types.OCI_MANIFEST,
        sha256(manifest),
        len(manifest),
        annotations={
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image.digest,
        },
        platform=_UNKNOWN,
    )
    blobs = ((_bare(config[0]), config[1]), *((_bare(descriptor), data) for descriptor, data in layers))
    return Attached(entry, manifest, blobs)


def _blob(statement: Statement, data: bytes) -> tuple[Descriptor, bytes]:
    note = {"in-toto.io/predicate-type": statement.predicate_type}
    return Descriptor(STATEMENT, sha256(data), len(data), annotations=note), data


def _empty() -> tuple[Descriptor, bytes]:
    return Descriptor(media_types.OCI_EMPTY, sha256(_EMPTY), len(_EMPTY), data="e30="), _EMPTY


def _config(layers: Sequence[Descriptor]) -> tuple[Descriptor, bytes]:
    digests = tuple(Digest(layer.digest) for layer in layers)
    data = encode(ImageConfig(architecture="unknown", os="unknown", rootfs=RootFS(diff_ids=digests)))
    return Descriptor(media_types.OCI_CONFIG, sha256(data), len(data)), data


def _bare(descriptor: Descriptor) -> Descriptor:
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size)
