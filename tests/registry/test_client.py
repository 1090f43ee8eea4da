"""The client against a real registry: reading, writing, lists."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from registry_server import RegistryServer

from bake.errors import HostError, RemoteError
from bake.oci import media_types as mt
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor
from bake.oci.reference import parse_reference
from bake.registry.client import Registry

pytestmark = pytest.mark.anyio


async def push(client: Registry, repository: str, image: Any, tag: str) -> None:
    for descriptor in image.blobs:
        await client.push_blob(repository, descriptor, image.files[descriptor.digest])
    await client.push_manifest(repository, tag, image.manifest.data, image.manifest.media_type)


@pytest.mark.parametrize("docker", [False, True])
async def test_what_is_pushed_can_be_read(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any], docker: bool
) -> None:
    repository, made = f"{server.host}/{path}", image(3000, 5000, docker=docker)
    await push(client, repository, made, "1.0")

    reference = parse_reference(f"{repository}:1.0")
    assert await client.resolve(reference) == made.descriptor
    assert await client.manifest(reference) == (made.descriptor, made.manifest.data)
    pinned = parse_reference(f"{repository}@{made.manifest.digest}")
    assert await client.resolve(pinned) == made.descriptor
    assert await client.manifest(pinned) == (made.descriptor, made.manifest.data)

    said = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{reference}"], capture_output=True, check=True
    )
    assert said.stdout == made.manifest.data


async def test_a_blob_is_pushed_once_then_mounted(
    server: RegistryServer, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    one, two = f"{server.host}/{path}", f"{server.host}/{path}-two"
    made = blob(70_000)
    seen: list[int] = []
    assert not await client.has_blob(one, made.descriptor.digest)
    assert await client.push_blob(one, made.descriptor, made.file, progress=seen.append) == "pushed"
    assert seen[-1] == 70_000
    assert await client.push_blob(one, made.descriptor, made.file) == "present"
    assert await client.push_blob(two, made.descriptor, made.file, mount_from=["no/such", one]) == "mounted"
    assert await client.has_blob(two, made.descriptor.digest)

    await client.fetch_blob(two, made.descriptor, tmp_path / "got", progress=seen.append)
    assert (tmp_path / "got").read_bytes() == made.file.read_bytes()
    assert seen[-1] == 70_000


async def test_blobs_of_another_registry_are_no_mount_candidates(
    server: RegistryServer, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made = blob()
    outcome = await client.push_blob(f"{server.host}/{path}", made.descriptor, made.file, ["elsewhere.example/a/b"])
    assert outcome == "pushed"


@pytest.mark.parametrize("size", [0, 1, 9_000_000])
async def test_sizes(
    server: RegistryServer, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path, size: int
) -> None:
    made, repository = blob(size), f"{server.host}/{path}"
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
    await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == made.file.read_bytes()


async def test_small_blobs_in_memory(
    server: RegistryServer, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made, repository = blob(500), f"{server.host}/{path}"
    await client.push_blob(repository, made.descriptor, made.file)
    assert await client.blob(repository, made.descriptor) == made.file.read_bytes()
    with pytest.raises(RemoteError, match="more than 100 are not accepted"):
        await client.blob(repository, made.descriptor, limit=100)


async def test_tags_and_catalog(server: RegistryServer, client: Registry, path: str, image: Callable[..., Any]) -> None:
    repository, made = f"{server.host}/{path}", image(100)
    await push(client, repository, made, "a")
    for tag in ("b", "c"):
        await client.push_manifest(repository, tag, made.manifest.data, made.manifest.media_type)
    assert set(await client.tags(repository)) == {"a", "b", "c"}
    assert path in await client.catalog(server.host)


async def test_lists_come_page_by_page(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bake.registry import reading

    monkeypatch.setattr(reading, "_PAGE", 2)
    made = image(100)
    for number in range(5):
        await push(client, f"{server.host}/{path}/r{number}", made, "x")
    assert {f"{path}/r{n}" for n in range(5)} <= set(await client.catalog(server.host))


async def test_what_is_not_there(server: RegistryServer, client: Registry, path: str, tmp_path: Path) -> None:
    reference = parse_reference(f"{server.host}/{path}:none")
    missing = Descriptor(mt.OCI_LAYER, sha256(b"missing"), 7)
    for call in (
        client.resolve(reference),
        client.manifest(reference),
        client.tags(reference.repository),
        client.fetch_blob(reference.repository, missing, tmp_path / "got"),
    ):
        with pytest.raises(RemoteError) as caught:
            await call
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == "registry-not-found"
        assert server.host in diagnostic.message and "404" in diagnostic.message
    assert not (tmp_path / "got").exists()


async def test_the_registrys_own_words_are_passed_on(server: RegistryServer, client: Registry, path: str) -> None:
    config = {"mediaType": mt.OCI_CONFIG, "digest": sha256(b"none"), "size": 4}
    document = {"schemaVersion": 2, "mediaType": mt.OCI_MANIFEST, "config": config, "layers": []}
    with pytest.raises(RemoteError, match="blob unknown to registry"):
        await client.push_manifest(f"{server.host}/{path}", "x", json.dumps(document).encode(), mt.OCI_MANIFEST)


async def test_a_damaged_store_is_not_published(
    server: RegistryServer, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    made, repository = blob(500), f"{server.host}/{path}"
    with pytest.raises(HostError, match="has 500 bytes, not 501"):
        wrong_size = Descriptor(mt.OCI_LAYER, sha256(b"a"), 501)
        await client.push_blob(repository, wrong_size, made.file)
    with pytest.raises(HostError, match="cannot be read"):
        await client.push_blob(repository, made.descriptor, tmp_path / "gone")
    with pytest.raises(RemoteError, match="digest"):
        await client.push_blob(repository, Descriptor(mt.OCI_LAYER, Digest(sha256(b"b")), 500), made.file)


async def test_nobody_there(client: Registry, notices: list[str]) -> None:
    from registry_server import free_port

    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(RemoteError, match="no connection: Connection refused") as caught:
        await client.resolve(parse_reference(f"{host}/x"))
    assert caught.value.diagnostics[0].code == "registry-unreachable"
    assert caught.value.exit_code == 3
    assert notices == []  # a host that never answered is not waited for
