"""Caches that are something else, that lie, or that somebody damaged: told, not used, and never a failed build."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from cache_machines import DOCKERFILE, machine, ran, registry_cache, told
from cache_writer import place_of
from faulty_proxy import faulty_proxy
from projects import Project
from registry_server import RegistryServer, registry

from bake.oci import media_types
from bake.oci.digest import sha256 as digest_of
from bake.oci.model import Descriptor, Manifest, encode
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.remote.artifact import BUILDKIT_TYPE, NotOurs, read
from bake.remote.catalog import Blob, Catalog

RUN = DOCKERFILE.splitlines()[5]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def server(running: RegistryServer) -> RegistryServer:
    """An empty registry."""
    shutil.rmtree(running.storage, ignore_errors=True)
    return running


async def put(host: str, tmp_path: Path, repository: str, config: tuple[str, bytes]) -> Descriptor:
    """A manifest with this config as `REPOSITORY:main`; what it became."""
    client, (kind, data) = Registry(), config
    row = Descriptor(kind, digest_of(data), len(data))
    (tmp_path / "blob").write_bytes(data)
    await client.push_blob(f"{host}/{repository}", row, tmp_path / "blob")
    document = encode(Manifest(row))
    await client.push_manifest(f"{host}/{repository}", "main", document, media_types.OCI_MANIFEST)
    return Descriptor(media_types.OCI_MANIFEST, digest_of(document), len(document))


def image(cache: bool) -> bytes:
    config: dict[str, Any] = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    return json.dumps({**config, **({"moby.buildkit.cache.v0": "W10="} if cache else {})}).encode()


@pytest.mark.parametrize(
    ("name", "config", "words"),
    [
        ("bk-registry", (BUILDKIT_TYPE, b'{"layers":[],"records":[]}'), "a cache of BuildKit"),
        ("bk-inline", (media_types.OCI_CONFIG, image(True)), "an inline cache of BuildKit"),
        ("image", (media_types.OCI_CONFIG, image(False)), "it is an image, not a cache"),
    ],
)
def test_what_is_no_cache_is_named_and_neither_used_nor_overwritten(
    name: str, config: tuple[str, bytes], words: str, tmp_path: Path, server: RegistryServer
) -> None:
    there = anyio.run(put, server.host, tmp_path, name, config)
    defaults = registry_cache(server.host).replace("/cache:main", f"/{name}:main")
    result = machine(tmp_path / "a", defaults).build("app")
    assert result.errors == ()
    found = {d.code: d for d in result.report.diagnostics}
    assert found.keys() == {"foreign-cache", "cache-not-written"}
    assert words in found["foreign-cache"].message
    assert found["foreign-cache"].severity == "warning"
    assert anyio.run(Registry().resolve, parse_reference(f"{server.host}/{name}:main")) == there


def test_buildkits_old_form_of_a_cache_is_recognised() -> None:
    """An index that lists blobs (`image-manifest=false`)."""
    row = {"mediaType": BUILDKIT_TYPE, "digest": digest_of(b"x"), "size": 1}
    document = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [row]}
    with pytest.raises(NotOurs, match="a cache of BuildKit"):
        read(json.dumps(document).encode())


def forge(host: str, tmp_path: Path, change: Callable[[Catalog], Catalog]) -> None:
    """Replaces the cache by a changed one, as somebody who may write to it can."""

    async def go() -> None:
        place: Any = place_of(f"{host}/cache:main", tmp_path / "forge")
        catalog = (await place.read()).catalog
        await place._exchange.put("main", change(catalog), {}, (), 1 << 32)

    anyio.run(go)


def upload(host: str, tmp_path: Path, data: bytes) -> Blob:
    blob = Descriptor(media_types.OCI_LAYER_GZIP, digest_of(data), len(data))
    (tmp_path / "forged").write_bytes(data)
    anyio.run(Registry().push_blob, f"{host}/cache", blob, tmp_path / "forged")
    return Blob(blob.digest, blob.media_type, blob.size, ("",))


@pytest.fixture
def cached(tmp_path: Path, server: RegistryServer) -> Project:
    """A machine that has to read files of the stage `build`, whose layers the cache holds."""
    defaults = registry_cache(server.host)
    assert machine(tmp_path / "a", defaults).build("app").errors == ()
    other = machine(tmp_path / "b", defaults)
    other.write("config", "another")
    return other


def in_all(catalog: Catalog, change: Callable[[Any], Any]) -> Catalog:
    return replace(catalog, states={id_: change(state) for id_, state in catalog.states.items()})


def test_a_layer_with_other_files_than_its_name_says(cached: Project, tmp_path: Path, server: RegistryServer) -> None:
    """Its digest and its diff id are right, so only the listing tells."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("made")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    data = gzip.compress(archive.getvalue())
    blob, diff_id = upload(server.host, tmp_path, data), "sha256:" + sha256(archive.getvalue()).hexdigest()
    forge(
        server.host,
        tmp_path,
        lambda c: in_all(c, lambda s: msgspec.structs.replace(s, diff_id=diff_id, blobs=(blob,))),
    )
    result = cached.build("app")
    assert result.errors == ()
    assert "cache-evicted" in told(result)
    assert any("something else" in d.message for d in result.report.diagnostics)
    assert ran(result)["COPY busybox /bin/sh"] == "evicted"
    assert not [path for path in cached.store.rglob("fs/made") if path.read_bytes() == b"evil"]


@pytest.mark.parametrize("data", [b"no archive at all", gzip.compress(b"no tar" * 1000)], ids=["noise", "gzip"])
def test_an_archive_that_is_none(cached: Project, tmp_path: Path, server: RegistryServer, data: bytes) -> None:
    blob = upload(server.host, tmp_path, data)
    forge(server.host, tmp_path, lambda c: in_all(c, lambda s: msgspec.structs.replace(s, blobs=(blob,))))
    result = cached.build("app")
    assert result.errors == ()
    assert "cache-evicted" in told(result)


def test_a_cache_sends_nobody_to_a_registry_that_the_spec_does_not_name(
    cached: Project, tmp_path: Path, server: RegistryServer
) -> None:
    with faulty_proxy() as stranger:

        def elsewhere(blob: Blob) -> Blob:
            return msgspec.structs.replace(blob, sources=(f"{stranger.host}/trap",))

        forge(
            server.host,
            tmp_path,
            lambda c: in_all(c, lambda s: msgspec.structs.replace(s, blobs=tuple(map(elsewhere, s.blobs)))),
        )
        result = cached.build("app")
        assert result.errors == ()
        assert stranger.seen == []


def test_a_source_that_is_a_path_is_none(tmp_path: Path) -> None:
    for text in (f"dir:{tmp_path}", "localhost:5000/cache:main"):
        place = place_of(text, tmp_path)
        found = [place.outside(source) for source in ("/etc/../../x", "//", "/../etc", "a b", "file:///etc", "/X")]
        assert [name for name in found if name is not None and "etc" in name] == []
    assert place_of("localhost:5000/cache:main", tmp_path).outside("/team/app") == "localhost:5000/team/app"


def test_a_cache_in_a_directory_is_carried_elsewhere(tmp_path: Path) -> None:
    """It holds the archives, so another machine that sees no registry has them too."""
    out = f'[defaults]\ncache-to = [{{ type = "local", dest = "{tmp_path}/cache", mode = "max" }}]\n'
    assert machine(tmp_path / "a", out).build("app").errors == ()
    (tmp_path / "cache").rename(tmp_path / "carried")
    into = f'[defaults]\ncache-from = [{{ type = "local", src = "{tmp_path}/carried" }}]\n'
    other = machine(tmp_path / "b", into)
    assert ran(other.build("app")) == {}
    third = machine(tmp_path / "c", into)
    third.write("config", "another")
    result = third.build("app")
    assert (result.errors, told(result)) == ((), [])
    assert RUN not in ran(result)
    for blob in (tmp_path / "carried/blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.write_bytes(b"damaged")
    fourth = machine(tmp_path / "d", into)
    fourth.write("config", "a fourth")
    again = fourth.build("app")
    assert again.errors == ()
    assert "cache-evicted" in told(again)


@pytest.mark.parametrize("name", ["index.json", "blobs"])
def test_a_damaged_directory_costs_a_warning(tmp_path: Path, name: str) -> None:
    both = f'[defaults]\ncache-to = [{{ type = "local", dest = "{tmp_path}/cache" }}]\n'
    both += f'cache-from = [{{ type = "local", src = "{tmp_path}/cache" }}]\n'
    assert machine(tmp_path / "a", both).build("app").errors == ()
    if name == "blobs":
        for blob in (tmp_path / "cache/blobs/sha256").iterdir():
            blob.write_bytes(b"damaged")
    else:
        (tmp_path / "cache/index.json").write_text("{")
    result = machine(tmp_path / "b", both).build("app")
    assert result.errors == ()
    assert {"foreign-cache", "cache-unreadable"} & set(told(result))
