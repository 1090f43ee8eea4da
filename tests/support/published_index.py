"""An index of two platforms and an attestation, published in a registry."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from bake.oci import media_types as mt
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, ImageConfig, Index, Manifest, PlatformSpec, RootFS, encode
from bake.registry.client import Registry
from bake.registry.hosts import Hosts


@dataclass(frozen=True)
class Made:
    """A published index of two platforms and an attestation of the first."""

    digest: str
    platforms: dict[str, str]
    blobs: dict[str, bytes]
    documents: dict[str, bytes]


def make(host: str, name: str, tag: str = "1") -> Made:
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, kind: str) -> Descriptor:
        blobs[sha256(data)] = data
        return Descriptor(kind, sha256(data), len(data))

    documents: dict[str, bytes] = {}
    rows: list[Descriptor] = []
    shared = blob(os.urandom(5000), mt.OCI_LAYER_GZIP)
    for arch in ("amd64", "arm64"):
        layers = (shared, blob(os.urandom(3000), mt.OCI_LAYER_GZIP))
        ids = tuple(Digest("sha256:" + hashlib.sha256(row.digest.encode()).hexdigest()) for row in layers)
        config = encode(ImageConfig(architecture=arch, os="linux", rootfs=RootFS(diff_ids=ids)))
        body = encode(Manifest(blob(config, mt.OCI_CONFIG), layers))
        documents[sha256(body)] = body
        rows.append(Descriptor(mt.OCI_MANIFEST, sha256(body), len(body), platform=PlatformSpec(arch, "linux")))
    statement = blob(b'{"_type": "statement"}', "application/vnd.in-toto+json")
    statement = Descriptor(
        statement.media_type,
        statement.digest,
        statement.size,
        {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
    )
    body = encode(Manifest(blob(b"{}", mt.OCI_EMPTY), (statement,)))
    documents[sha256(body)] = body
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": rows[0].digest}
    rows.append(Descriptor(mt.OCI_MANIFEST, sha256(body), len(body), notes, PlatformSpec("unknown", "unknown")))
    index = encode(Index(tuple(rows)))
    documents[sha256(index)] = index

    async def publish(directory: Path) -> None:
        async with Registry(Hosts(), ()) as client:
            for digest, data in blobs.items():
                (directory / digest).write_bytes(data)
                await client.push_blob(f"{host}/{name}", Descriptor("", Digest(digest), len(data)), directory / digest)
            for digest, data in list(documents.items())[:-1]:
                await client.push_manifest(f"{host}/{name}", digest, data, mt.OCI_MANIFEST)
            await client.push_manifest(f"{host}/{name}", tag, index, mt.OCI_INDEX)

    with TemporaryDirectory() as directory:
        anyio.run(publish, Path(directory))
    return Made(sha256(index), {"amd64": rows[0].digest, "arm64": rows[1].digest}, blobs, documents)
