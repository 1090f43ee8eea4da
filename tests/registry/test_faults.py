"""Bad networks and lying registries: a fault-injecting proxy before the real registry."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from faulty_proxy import FaultyProxy, faulty_proxy
from registry_auth import docker_config

from bake.errors import HostError, RemoteError
from bake.oci.documents import MANIFEST_LIMIT
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.credentials.docker import DockerConfig

pytestmark = pytest.mark.anyio

BIG = 20_000_000


async def stored(client: Registry, host: str, path: str, made: Any) -> str:
    repository = f"{host}/{path}"
    await client.push_blob(repository, made.descriptor, made.file)
    return repository


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 500, "times": 3},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"reset": True, "times": 2},
    ],
    ids=["503", "500 three times", "429", "reset"],
)
async def test_passing_faults_pass(
    proxy: FaultyProxy,
    client: Registry,
    path: str,
    image: Callable[..., Any],
    notices: list[str],
    fault: dict[str, Any],
) -> None:
    made, repository = image(1000), f"{proxy.host}/{path}"
    for method in ("HEAD", "POST", "PUT", "GET"):
        proxy.add(method=method, path=f"/v2/{path}", **fault)
    for descriptor in made.blobs:
        assert await client.push_blob(repository, descriptor, made.files[descriptor.digest]) == "pushed"
    await client.push_manifest(repository, "x", made.manifest.data, made.manifest.media_type)
    assert await client.manifest(parse_reference(f"{repository}:x")) == (made.descriptor, made.manifest.data)
    assert all(f.times == 0 for f in proxy.faults)
    assert len(notices) >= 4 and all("trying again in" in line for line in notices)


async def test_lasting_faults_end(proxy: FaultyProxy, client: Registry, path: str) -> None:
    proxy.add(path="/manifests/", times=100, status=503, body=b"down for\r\n maintenance\x1b[31m")
    with pytest.raises(RemoteError) as caught:
        await client.manifest(parse_reference(f"{proxy.host}/{path}:x"))
    (diagnostic,) = caught.value.diagnostics
    assert "down for maintenance [31m (503 from http://" in diagnostic.message
    assert len(proxy.requests("GET", "/manifests/")) == 4


async def test_a_long_retry_after_is_not_waited_for(proxy: FaultyProxy, client: Registry, path: str) -> None:
    proxy.add(path="/manifests/", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(RemoteError) as caught:
        await client.manifest(parse_reference(f"{proxy.host}/{path}:x"))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "registry-rate-limit"
    assert diagnostic.hint is not None and "3600 seconds" in diagnostic.hint


async def test_the_first_contact_may_break(proxy: FaultyProxy, client: Registry, path: str) -> None:
    proxy.add(path="/v2/$", times=2, reset=True)
    with pytest.raises(RemoteError, match="404"):
        await client.resolve(parse_reference(f"{proxy.host}/{path}:x"))


async def test_a_truncated_download_goes_on(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    made = blob(3_000_000)
    repository = await stored(client, proxy.host, path, made)
    proxy.add(method="GET", path="/blobs/", truncate=2_000_000)
    proxy.add(method="GET", path="/blobs/", truncate=0)
    await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == made.file.read_bytes()
    first, *rest = proxy.requests("GET", "/blobs/")
    assert "Range" not in first.headers
    assert [seen.headers["Range"] for seen in rest] == ["bytes=2000000-"] * 2


async def test_a_registry_that_ignores_ranges_starts_again(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    made = blob(3_000_000)
    repository = await stored(client, proxy.host, path, made)
    proxy.add(method="GET", path="/blobs/", truncate=2_000_000)
    proxy.add(method="GET", path="/blobs/", status=200, body=made.file.read_bytes())
    await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == made.file.read_bytes()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"corrupt": True}, "its content has the digest"),
        ({"status": 200, "body": b"short"}, "it has 5 bytes, not 1000"),
        ({"endless": True}, "longer than its descriptor"),
        ({"truncate": 10, "times": 100}, "broke off"),
        ({"status": 404}, "404"),
    ],
)
async def test_nothing_unverified_is_left(
    proxy: FaultyProxy,
    client: Registry,
    path: str,
    blob: Callable[..., Any],
    tmp_path: Path,
    fault: dict[str, Any],
    message: str,
) -> None:
    made = blob(1000)
    repository = await stored(client, proxy.host, path, made)
    proxy.add(method="GET", path="/blobs/", **fault)
    with pytest.raises(RemoteError, match=message):
        await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"corrupt": True}, "not sha256:"),
        ({"status": 200, "body": b"{" + b" " * MANIFEST_LIMIT}, "longer than"),
        ({"endless": True}, "longer than"),
        ({"replace": {"Docker-Content-Digest": "sha256:" + "0" * 64}}, "not sha256:0000"),
    ],
)
async def test_manifests_are_verified(
    proxy: FaultyProxy, client: Registry, path: str, image: Callable[..., Any], fault: dict[str, Any], message: str
) -> None:
    made, repository = image(100), f"{proxy.host}/{path}"
    for descriptor in made.blobs:
        await client.push_blob(repository, descriptor, made.files[descriptor.digest])
    await client.push_manifest(repository, "x", made.manifest.data, made.manifest.media_type)
    proxy.add(method="GET", path="/manifests/", **fault)
    with pytest.raises(RemoteError, match=message):
        await client.manifest(parse_reference(f"{repository}@{made.manifest.digest}"))


@pytest.mark.parametrize("path_of", ["/manifests/", "/tags/list"])
async def test_a_truncated_document_is_asked_for_again(
    proxy: FaultyProxy, client: Registry, path: str, image: Callable[..., Any], path_of: str
) -> None:
    made, repository = image(100), f"{proxy.host}/{path}"
    for descriptor in made.blobs:
        await client.push_blob(repository, descriptor, made.files[descriptor.digest])
    await client.push_manifest(repository, "x", made.manifest.data, made.manifest.media_type)
    proxy.add(method="GET", path=path_of, truncate=5, times=2)
    if path_of == "/tags/list":
        assert await client.tags(repository) == ("x",)
    else:
        assert (await client.manifest(parse_reference(f"{repository}:x")))[1] == made.manifest.data
    proxy.add(method="GET", path=path_of, truncate=5, times=100)
    with pytest.raises(RemoteError, match="broke off"):
        await (client.tags(repository) if "tags" in path_of else client.manifest(parse_reference(f"{repository}:x")))


async def test_a_trickling_body_is_given_up(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    from bake.registry import transport

    made = blob(1000)
    repository = await stored(client, proxy.host, path, made)
    monkeypatch.setattr(transport, "_TRICKLE_SECONDS", 0.05)
    monkeypatch.setattr(transport, "_TRICKLE_RATE", 1e6)
    proxy.add(method="GET", path="/blobs/", times=100, trickle=0.02)
    with pytest.raises(RemoteError, match=r"it sent \d+ bytes in"):
        await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert not (tmp_path / "got").exists()


async def test_a_place_that_cannot_be_written(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    made = blob(1000)
    repository = await stored(client, proxy.host, path, made)
    with pytest.raises(HostError, match="cannot be written: No such file"):
        await client.fetch_blob(repository, made.descriptor, tmp_path / "no/got")


@pytest.mark.parametrize("location", ["", "http://[x"])
async def test_uploads_to_nowhere(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], location: str
) -> None:
    made = blob(10)
    proxy.add(method="POST", path="/uploads/", status=202, headers={"Location": location} if location else {})
    with pytest.raises(RemoteError, match=r"without saying where|an address that is none"):
        await client.push_blob(f"{proxy.host}/{path}", made.descriptor, made.file)


async def test_head_without_a_digest_falls_back_to_get(
    proxy: FaultyProxy, client: Registry, path: str, image: Callable[..., Any]
) -> None:
    made, repository = image(100), f"{proxy.host}/{path}"
    for descriptor in made.blobs:
        await client.push_blob(repository, descriptor, made.files[descriptor.digest])
    await client.push_manifest(repository, "x", made.manifest.data, made.manifest.media_type)
    proxy.add(method="HEAD", path="/manifests/", status=405)
    proxy.add(method="HEAD", path="/manifests/", replace={"Docker-Content-Digest": ""})
    for _ in range(2):
        assert await client.resolve(parse_reference(f"{repository}:x")) == made.descriptor


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_credentials_never_follow_a_redirect_to_another_host(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path, status: int
) -> None:
    made = blob(1000)
    repository = await stored(client, proxy.host, path, made)
    with faulty_proxy() as elsewhere:
        elsewhere.add(status=200, body=made.file.read_bytes())
        proxy.add(path="/blobs/", status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        location = f"http://{elsewhere.host}/there?sig=1"
        proxy.add(path="/blobs/", status=status, headers={"Location": location})
        file = docker_config(tmp_path, {"auths": {proxy.host: {"username": "alice", "password": "secret-of-alice"}}})
        knowing = Registry(client.hosts, [DockerConfig(file)])
        await knowing.fetch_blob(repository, made.descriptor, tmp_path / "got")
        knowing.close()
        assert proxy.requests("GET", "/blobs/")[-1].headers["Authorization"].startswith("Basic ")
        (seen,) = elsewhere.seen
        assert "Authorization" not in seen.headers
        assert "secret" not in str(seen)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gopher://x/", "", "http://", "http://[x", "http://x:99999/"]
)
async def test_strange_redirects(proxy: FaultyProxy, client: Registry, path: str, location: str) -> None:
    proxy.add(path="/manifests/", times=100, status=302, headers={"Location": location})
    with pytest.raises(RemoteError, match=r"redirect|an address that is none"):
        await client.manifest(parse_reference(f"{proxy.host}/{path}:x"))


async def test_a_broken_small_upload_is_sent_again(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made, repository = blob(300_000), f"{proxy.host}/{path}"
    proxy.add(method="PUT", path="/uploads/", reset=True)
    proxy.add(method="PUT", path="/uploads/", status=503)
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
    assert await client.has_blob(repository, made.descriptor.digest)


async def test_a_broken_large_upload_goes_on_at_the_reported_offset(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path
) -> None:
    made, repository = blob(BIG), f"{proxy.host}/{path}"
    proxy.add(method="PATCH", path="/uploads/", upload=12_000_000)
    proxy.add(method="PATCH", path="/uploads/", upload=3_000_000)
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
    patches = proxy.requests("PATCH")
    assert [p.received for p in patches] == [12_000_000, 3_000_000, 5_000_000]
    assert patches[-1].headers["Content-Range"] == f"15000000-{BIG - 1}"
    await client.fetch_blob(repository, made.descriptor, tmp_path / "got")
    assert hashlib.sha256((tmp_path / "got").read_bytes()).hexdigest() in made.descriptor.digest


async def test_a_large_upload_begins_again_where_resuming_is_refused(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made, repository = blob(9_000_000), f"{proxy.host}/{path}"
    proxy.add(method="PATCH", path="/uploads/", reset=True)
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"


async def test_an_upload_whose_answer_was_lost_is_not_sent_again(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made, repository = blob(9_000_000), f"{proxy.host}/{path}"
    proxy.add(method="PUT", path="/uploads/", truncate=0, replace={"Content-Length": "5"})
    proxy.add(method="PUT", path="/uploads/", status=500)
    assert await client.push_blob(repository, made.descriptor, made.file) == "pushed"
    assert len(proxy.requests("PATCH")) == 1


async def test_an_upload_that_never_works_ends(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    made = blob(1000)
    proxy.add(method="PUT", path="/uploads/", times=100, status=500)
    with pytest.raises(RemoteError, match=r"cannot push sha256:.* \(500 from"):
        await client.push_blob(f"{proxy.host}/{path}", made.descriptor, made.file)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"tags": 3}', b'{"tags": [1]}', b"<html>", b'{"tags": ["x"' + b',"x"' * 200_000 + b"]}"]
)
async def test_lists_that_are_none(proxy: FaultyProxy, client: Registry, path: str, body: bytes) -> None:
    proxy.add(path="/tags/list", status=200, body=body)
    with pytest.raises(RemoteError, match="list"):
        await client.tags(f"{proxy.host}/{path}")


async def test_lists_whose_pages_go_in_a_circle(proxy: FaultyProxy, client: Registry, path: str) -> None:
    link = {"Link": f'<http://evil.example/v2/{path}/tags/list?last=x>; rel="next"'}
    proxy.add(path="/tags/list", times=100, status=200, headers=link, body=b'{"tags": ["x"]}')
    assert await client.tags(f"{proxy.host}/{path}") == ("x",)
    assert len(proxy.requests("GET", "/tags/list")) == 2


@pytest.mark.parametrize("where", ["headers", "body", "upload", "pause"])
async def test_cancelling_ends_the_thread_at_once(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any], tmp_path: Path, where: str
) -> None:
    made = blob(3_000_000)
    repository = await stored(client, proxy.host, path, made)
    if where == "headers":
        proxy.add(method="GET", path="/blobs/", hang=True)
    elif where == "body":
        proxy.add(method="GET", path="/blobs/", endless=True)
    elif where == "pause":
        proxy.add(method="GET", path="/blobs/", times=9, status=429, headers={"Retry-After": "2"})
    else:
        made = blob(40_000_000)
        proxy.add(method="PATCH", path="/uploads/", hang=True)

    async with anyio.create_task_group() as group:
        if where == "upload":
            group.start_soon(client.push_blob, repository, made.descriptor, made.file)
        else:
            large = made.descriptor.__class__(made.descriptor.media_type, made.descriptor.digest, 2**40)
            group.start_soon(client.fetch_blob, repository, large, tmp_path / "got")
        with anyio.fail_after(10):
            while not (proxy.hanging.is_set() or proxy.requests("GET", "/blobs/")):
                await anyio.sleep(0.01)
        await anyio.sleep(0.05)
        assert working_threads()
        group.cancel_scope.cancel()
    assert not working_threads()
    assert not (tmp_path / "got").exists()


def working_threads() -> list[str]:
    """Functions of the package that some thread is in right now."""
    found = []
    for frame in sys._current_frames().values():
        while frame is not None:
            if "/bake/registry/" in frame.f_code.co_filename and frame.f_code.co_name == "body":
                found.append(frame.f_code.co_filename)
            frame = frame.f_back  # type: ignore[assignment]
    return found
