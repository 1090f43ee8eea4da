"""Choosing an image by platform, through indexes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from registry_server import RegistryServer

from bake.errors import RemoteError
from bake.oci import media_types as mt
from bake.oci.choose import choose_manifest, platforms_of
from bake.oci.digest import sha256
from bake.oci.model import Descriptor, Index, PlatformSpec, encode
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import Reference, parse_reference
from bake.registry.client import Registry
from bake.registry.pull import pull_image

pytestmark = pytest.mark.anyio


def entry(image: Any, platform: PlatformSpec | None) -> Descriptor:
    about = image.descriptor
    return Descriptor(about.media_type, about.digest, about.size, platform=platform)


async def put(client: Registry, reference: Reference, images: list[Any], root: bytes, media_type: str) -> None:
    for image in images:
        for descriptor in image.blobs:
            await client.push_blob(reference.repository, descriptor, image.files[descriptor.digest])
        document = image.manifest
        await client.push_manifest(reference.repository, document.digest, document.data, document.media_type)
    await client.push_manifest(reference.repository, reference.target, root, media_type)


@pytest.mark.parametrize("docker", [False, True])
async def test_through_an_index(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any], docker: bool
) -> None:
    reference = parse_reference(f"{server.host}/{path}:multi")
    amd, arm = image(100, docker=docker), image(200, arch="arm64", docker=docker)
    media_type = mt.DOCKER_INDEX if docker else mt.OCI_INDEX
    entries = (entry(amd, PlatformSpec("amd64", "linux")), entry(arm, PlatformSpec("arm64", "linux", "v8")))
    root = encode(Index(entries, media_type=media_type))
    await put(client, reference, [amd, arm], root, media_type)

    pulled = await pull_image(client, reference, parse_platform("linux/arm64"))
    assert pulled.root == Descriptor(media_type, sha256(root), len(root))
    assert pulled.descriptor.digest == arm.manifest.digest
    assert pulled.manifest_bytes == arm.manifest.data
    assert pulled.manifest.layers == arm.layers
    assert pulled.config_bytes == arm.files[arm.config.digest].read_bytes()
    assert (pulled.platform, pulled.config.architecture) == (Platform("linux", "arm64"), "arm64")

    with pytest.raises(RemoteError, match="has no image for linux/s390x") as caught:
        await pull_image(client, reference, parse_platform("linux/s390x"))
    assert caught.value.diagnostics[0].hint == "the platforms it has: linux/amd64, linux/arm64"


async def test_an_image_without_an_index(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any]
) -> None:
    reference, made = parse_reference(f"{server.host}/{path}:one"), image(100, 200)
    await put(client, reference, [made], made.manifest.data, made.manifest.media_type)
    pulled = await pull_image(client, reference, parse_platform("linux/arm64"))
    assert pulled.root == pulled.descriptor == made.descriptor
    assert pulled.platform == Platform("linux", "amd64")


async def test_documents_that_lie(
    server: RegistryServer, client: Registry, proxy: Any, path: str, image: Callable[..., Any]
) -> None:
    reference, made = parse_reference(f"{server.host}/{path}:x"), image(100)
    wrong_size = Descriptor(
        made.descriptor.media_type, made.descriptor.digest, 1, platform=PlatformSpec("amd64", "linux")
    )
    root = encode(Index((wrong_size,)))
    await put(client, reference, [made], root, mt.OCI_INDEX)
    with pytest.raises(RemoteError, match="the index says 1"):
        await pull_image(client, reference, parse_platform("linux/amd64"))

    through = parse_reference(f"{proxy.host}/{path}:x")
    for body, message in ((b"{", "not valid JSON"), (json.dumps({"schemaVersion": 1}).encode(), "schema 1")):
        proxy.add(method="GET", path="/manifests/", status=200, headers={"Content-Type": mt.OCI_MANIFEST}, body=body)
        with pytest.raises(RemoteError, match=message):
            await pull_image(client, through, parse_platform("linux/amd64"))


def index(*platforms: str | None) -> Index:
    entries = []
    for number, text in enumerate(platforms):
        spec = None if text is None else PlatformSpec(*text.split("/")[1::-1], *text.split("/")[2:])
        entries.append(Descriptor(mt.OCI_MANIFEST, sha256(str(number).encode()), number, platform=spec))
    return Index(tuple(entries))


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (["linux/amd64", "linux/arm64"], "linux/arm64", 1),
        (["linux/amd64", "linux/arm64/v8"], "linux/arm64", 1),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", 1),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm", 1),
        (["linux/arm/v5"], "linux/arm/v7", None),
        (["linux/amd64/v3", "linux/amd64"], "linux/amd64", 1),
        (["linux/amd64/v3"], "linux/amd64", 0),
        (["windows/amd64"], "linux/amd64", None),
        (["unknown/unknown", "linux/amd64"], "linux/amd64", 1),
        (["unknown/unknown"], "linux/amd64", None),
        ([None], "linux/amd64", 0),
        ([None, None], "linux/amd64", None),
        ([], "linux/amd64", None),
    ],
)
def test_choosing(there: list[str | None], wanted: str, chosen: int | None) -> None:
    found = choose_manifest(index(*there), parse_platform(wanted))
    assert (None if found is None else found.size) == chosen


def test_platforms_leave_out_attestations() -> None:
    there = index("linux/amd64", "unknown/unknown", "linux/arm/v7", "linux/amd64")
    assert [str(p) for p in platforms_of(there)] == ["linux/amd64", "linux/arm/v7"]
