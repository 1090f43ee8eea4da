"""Uploads in one piece, in a stream and in chunks, and how they go on after a break: nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faulty_proxy import FaultyProxy
from oci_registry import oci_registry
from publishing_world import World

from bake.errors import RemoteError
from bake.registry import writing
from bake.registry.client import Registry
from bake.registry.hosts import Hosts
from bake.registry.patience import Patience

pytestmark = pytest.mark.anyio
BIG = 20_000_000


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK", 6_000_000)


@pytest.mark.parametrize("size", [1, 1000, writing.SINGLE])
async def test_a_small_blob_is_one_put(client: Registry, blob: Callable[..., Any], size: int) -> None:
    with oci_registry() as server:
        made = blob(size)
        assert await client.push_blob(f"{server.host}/app", made.descriptor, made.file) == "pushed"
        assert server.blobs["app", made.descriptor.digest] == made.file.read_bytes()
        assert not server.of("PATCH") and len(server.of("PUT")) == 1


async def test_a_large_one_is_a_stream(client: Registry, blob: Callable[..., Any]) -> None:
    with oci_registry() as server:
        made = blob(BIG)
        assert await client.push_blob(f"{server.host}/app", made.descriptor, made.file) == "pushed"
        (patch,) = server.of("PATCH")
        assert patch["Content-Length"] == str(BIG) and "Content-Range" not in patch


@pytest.mark.usefixtures("chunks")
async def test_a_very_large_one_comes_in_chunks(client: Registry, blob: Callable[..., Any]) -> None:
    with oci_registry() as server:
        made = blob(BIG)
        assert await client.push_blob(f"{server.host}/app", made.descriptor, made.file) == "pushed"
        assert [patch["Content-Range"] for patch in server.of("PATCH")] == [
            "0-5999999", "6000000-11999999", "12000000-17999999", "18000000-19999999",
        ]  # fmt: skip
        assert server.blobs["app", made.descriptor.digest] == made.file.read_bytes()


async def test_going_on_at_the_offset_that_the_registry_reports(client: Registry, blob: Callable[..., Any]) -> None:
    with oci_registry(breaks=[7_000_000, 1, 5_000_000]) as server:
        made = blob(BIG)
        assert await client.push_blob(f"{server.host}/app", made.descriptor, made.file) == "pushed"
        assert server.received == BIG
        ranges = [patch.get("Content-Range") for patch in server.of("PATCH")]
        assert ranges == [None, *(f"{start}-{BIG - 1}" for start in (7_000_000, 7_000_001, 12_000_001))]
        assert server.blobs["app", made.descriptor.digest] == made.file.read_bytes()


@pytest.mark.usefixtures("chunks")
async def test_debians_registry_goes_on_between_chunks(
    proxy: FaultyProxy, client: Registry, path: str, blob: Callable[..., Any]
) -> None:
    """A chunk that never reached it: the registry has what came before, and reports it."""
    made = blob(BIG)
    take = proxy.take

    def second(method: str, url: str) -> Any:
        done = len(proxy.requests("PATCH"))
        if method == "PATCH" and done == 1 and not proxy.faults:
            proxy.add(method="PATCH", path="/uploads/", reset=True)
        return take(method, url)

    proxy.take = second  # type: ignore[method-assign]
    assert await client.push_blob(f"{proxy.host}/{path}", made.descriptor, made.file) == "pushed"
    ranges = [seen.headers["Content-Range"] for seen in proxy.requests("PATCH")]
    assert ranges == [
        "0-5999999", "6000000-11999999", "6000000-11999999", "12000000-17999999", "18000000-19999999",
    ]  # fmt: skip
    assert len(proxy.requests("POST", "/uploads/")) == 1


async def test_a_limit_of_a_proxy_makes_smaller_chunks(client: Registry, blob: Callable[..., Any]) -> None:
    with oci_registry(largest=6_000_000) as server:
        made = blob(BIG)
        assert await client.push_blob(f"{server.host}/app", made.descriptor, made.file) == "pushed"
        assert server.received == BIG
        assert server.blobs["app", made.descriptor.digest] == made.file.read_bytes()


async def test_a_limit_that_is_too_small(client: Registry, blob: Callable[..., Any]) -> None:
    with oci_registry(largest=1000) as server:
        made = blob(BIG)
        with pytest.raises(RemoteError) as caught:
            await client.push_blob(f"{server.host}/app", made.descriptor, made.file)
        assert caught.value.diagnostics[0].code == "registry-too-large"


async def test_blobs_go_up_in_parallel_within_the_limit_of_a_host(image: Callable[..., Any]) -> None:
    with oci_registry(delay=0.05) as one, oci_registry(delay=0.05) as two:
        async with Registry(Hosts(), (), patience=Patience(tries=2), transfers=3) as client:
            world = World(client)
            images = [image(50, 60, 70) for _ in range(4)]
            rows = [(host, number) for host in (one.host, two.host) for number in range(4)]
            await world.publish(*(world.publication(f"t{n}", images[n], f"{host}/t{n}:1") for host, n in rows))
        assert one.busiest == two.busiest == 3
