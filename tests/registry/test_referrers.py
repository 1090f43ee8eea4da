"""What refers to a manifest: by the API where there is one, else by the index of the fallback tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from faulty_proxy import FaultyProxy
from oci_registry import oci_registry
from registry_server import RegistryServer

from bake.errors import RemoteError
from bake.oci import media_types as mt
from bake.oci.digest import sha256
from bake.oci.model import Descriptor, Manifest, encode
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.referrers import Referrer, list_referrers, push_referrer

pytestmark = pytest.mark.anyio

EMPTY = Descriptor(mt.OCI_EMPTY, sha256(b"{}"), 2)


async def published(client: Registry, repository: str, image: Any) -> Descriptor:
    for descriptor in image.blobs:
        await client.push_blob(repository, descriptor, image.files[descriptor.digest])
    await client.push_manifest(repository, "1", image.manifest.data, image.manifest.media_type)
    return image.descriptor


async def referrer(client: Registry, repository: str, subject: Descriptor, kind: str, tmp_path: Any) -> Referrer:
    (tmp_path / "empty").write_bytes(b"{}")
    await client.push_blob(repository, EMPTY, tmp_path / "empty")
    bare = Descriptor(subject.media_type, subject.digest, subject.size)
    manifest = Manifest(EMPTY, (EMPTY,), annotations={"made": "here"}, artifact_type=kind, subject=bare)
    return Referrer(encode(manifest))


async def test_the_fallback_tag(server: RegistryServer, client: Registry, path: str, image: Any, tmp_path: Any) -> None:
    repository = f"{server.host}/{path}"
    subject = await published(client, repository, image(100))
    assert await list_referrers(client, repository, subject.digest) == ()
    made = [await referrer(client, repository, subject, f"test/kind{n}", tmp_path) for n in range(3)]
    rows = [await push_referrer(client, repository, each) for each in (*made, made[0])]
    found = await list_referrers(client, repository, subject.digest)
    assert found == tuple(rows[:3])
    assert [row.annotations for row in found] == [{"made": "here"}] * 3
    assert await list_referrers(client, repository, subject.digest, "test/kind1") == (rows[1],)
    tag = parse_reference(f"{repository}:{subject.digest.replace(':', '-')}")
    descriptor, data = await client.manifest(tag)
    assert descriptor.media_type == mt.OCI_INDEX
    assert len(json.loads(data)["manifests"]) == 3


async def test_two_writers_of_one_fallback_tag_lose_nothing(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any], tmp_path: Any
) -> None:
    repository = f"{server.host}/{path}"
    subject = await published(client, repository, image(100))
    made = [await referrer(client, repository, subject, f"test/kind{n}", tmp_path) for n in range(2)]
    async with anyio.create_task_group() as group:
        for each in made:
            group.start_soon(push_referrer, client, repository, each)
    found = await list_referrers(client, repository, subject.digest)
    assert {row.artifact_type for row in found} <= {"test/kind0", "test/kind1"}
    for each in made:  # what a later writer replaced is put back by pushing again
        await push_referrer(client, repository, each)
    assert len(await list_referrers(client, repository, subject.digest)) == 2


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_the_api(client: Registry, image: Callable[..., Any], tmp_path: Any, page: int) -> None:
    with oci_registry(page=page) as server:
        repository = f"{server.host}/app"
        subject = await published(client, repository, image(100))
        rows = {}
        for number in range(3):
            each = await referrer(client, repository, subject, f"test/kind{number}", tmp_path)
            rows[number] = await push_referrer(client, repository, each)
        found = await list_referrers(client, repository, subject.digest)
        assert {row.digest for row in found} == {row.digest for row in rows.values()}
        assert [r.digest for r in await list_referrers(client, repository, subject.digest, "test/kind2")] == [
            rows[2].digest
        ]
        assert not [target for _, target in server.manifests if target.startswith("sha256-")]


async def test_a_manifest_without_a_subject_is_no_referrer(client: Registry, image: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="subject"):
        await push_referrer(client, "127.0.0.1:1/x", Referrer(image(1).manifest.data))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"manifests": [{"digest": "x"}]}', b'{"schemaVersion": 2}x'])
async def test_lists_that_are_none(proxy: FaultyProxy, client: Registry, path: str, body: bytes) -> None:
    proxy.add(path="/referrers/", status=200, headers={"Content-Type": mt.OCI_INDEX}, body=body)
    with pytest.raises(RemoteError):
        await list_referrers(client, f"{proxy.host}/{path}", EMPTY.digest)
