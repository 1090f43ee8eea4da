"""Publishing: all or nothing, nothing sent twice, and what is told on the way."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import FaultyProxy, faulty_proxy
from publishing_world import World
from registry_server import RegistryServer

from bake import events
from bake.errors import Diagnostic, RemoteError, StepError
from bake.oci import media_types as mt
from bake.oci.model import Descriptor, Index, PlatformSpec, encode
from bake.oci.platform import parse_platform
from bake.oci.reference import Reference, parse_reference
from bake.registry.client import Registry
from bake.registry.publication import Document, Publication, Published, PublishError
from bake.registry.pull import pull_image
from bake.registry.push import Publisher, publish

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(client: Registry) -> World:
    return World(client)


def outcomes(done: Published) -> Counter[str]:
    return Counter(b.outcome for b in done.blobs)


async def digest_of(client: Registry, tag: str | Reference) -> str | None:
    try:
        return (await client.resolve(parse_reference(str(tag)))).digest
    except RemoteError:
        return None


async def test_first_time_and_second_time(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any]
) -> None:
    made = image(1000, 2000)
    one, two = f"{server.host}/{path}:1", f"{server.host}/{path}:latest"
    job = world.publication("app", made, one, two)
    first = await world.publish(job)
    assert outcomes(first) == {"pushed": 3}
    assert sum(b.sent for b in first.blobs) == sum(b.size for b in made.blobs)
    assert {(str(t.tag), t.digest, t.unchanged) for t in first.tags} == {
        (one, made.manifest.digest, False),
        (two, made.manifest.digest, False),
    }
    assert await digest_of(world.client, one) == await digest_of(world.client, two) == made.manifest.digest

    world.asked.clear()
    world.events.clear()
    second = await world.publish(job)
    assert outcomes(second) == {"present": 3}
    assert all(t.unchanged for t in second.tags) and len(second.tags) == 2
    assert world.asked == []
    kinds = Counter(type(e).__name__ for e in world.events)
    assert kinds == {"BlobFinished": 3, "TagPublished": 2}


async def test_a_new_tag_of_what_is_there_sends_nothing(
    proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any]
) -> None:
    made = image(1000)
    await world.publish(world.publication("app", made, f"{proxy.host}/{path}:1"))
    proxy.seen.clear()
    done = await world.publish(world.publication("app", made, f"{proxy.host}/{path}:1", f"{proxy.host}/{path}:2"))
    assert outcomes(done) == {"present": 2}
    assert {t.tag.tag: t.unchanged for t in done.tags} == {"1": True, "2": False}
    assert Counter(s.method for s in proxy.seen) == {"HEAD": 2, "PUT": 1}


async def test_a_shared_base_is_sent_once_for_twenty_images(
    proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any], blob: Callable[..., Any]
) -> None:
    base = blob(200_000)
    images = [image(base, 100) for _ in range(20)]
    jobs = [world.publication(f"app{n}", i, f"{proxy.host}/{path}/app{n}:1") for n, i in enumerate(images)]
    done = await world.publish(*jobs)
    assert outcomes(done) == {"pushed": 1 + 20 + 20, "mounted": 19}
    of_base = [b for b in done.blobs if b.descriptor.digest == base.descriptor.digest]
    assert Counter(b.outcome for b in of_base) == {"pushed": 1, "mounted": 19}
    assert sum(s.received for s in proxy.requests("PUT", "/uploads/")) == sum(b.sent for b in done.blobs)


async def test_a_base_of_an_earlier_run_is_mounted(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any], blob: Callable[..., Any]
) -> None:
    base = blob(5000)
    await world.publish(world.publication("base", image(base), f"{server.host}/{path}/base:1"))
    world.asked.clear()
    made = image(base, 100)
    done = await world.publish(world.publication("app", made, f"{server.host}/{path}/app:1"))
    assert outcomes(done) == {"mounted": 1, "pushed": 2}
    assert base.descriptor.digest not in world.asked


async def test_multi_platform(server: RegistryServer, world: World, path: str, image: Callable[..., Any]) -> None:
    images = {"amd64": image(100), "arm64": image(200, arch="arm64")}
    entries = tuple(
        Descriptor(mt.OCI_MANIFEST, i.manifest.digest, len(i.manifest.data), platform=PlatformSpec(arch, "linux"))
        for arch, i in images.items()
    )
    root = Document(encode(Index(entries)), mt.OCI_INDEX)
    tag = parse_reference(f"{server.host}/{path}:1")
    for made in images.values():
        world.files.update(made.files)
    blobs = tuple(d for i in images.values() for d in i.blobs)
    manifests = tuple(i.manifest for i in images.values())
    await world.publish(Publication("app", root, blobs, (tag,), manifests))
    for arch, made in images.items():
        pulled = await pull_image(world.client, tag, parse_platform(f"linux/{arch}"))
        assert pulled.descriptor.digest == made.manifest.digest


@pytest.mark.parametrize("docker", [False, True])
async def test_skopeo_copies_what_was_published(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any], tmp_path: Path, docker: bool
) -> None:
    made, tag = image(5000, 6000, docker=docker), f"{server.host}/{path}:1"
    await world.publish(world.publication("app", made, tag))
    copied = tmp_path / "copied"
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", f"docker://{tag}", f"dir:{copied}"], check=True)
    assert (copied / "manifest.json").read_bytes() == made.manifest.data
    for descriptor in made.blobs:
        name = descriptor.digest.removeprefix("sha256:")
        assert (copied / name).read_bytes() == made.files[descriptor.digest].read_bytes()


async def test_by_digest_only(server: RegistryServer, world: World, path: str, image: Callable[..., Any]) -> None:
    made = image(100)
    world.files.update(made.files)
    done = await world.publish(Publication("app", made.manifest, made.blobs, repositories=(f"{server.host}/{path}",)))
    assert done.tags == ()
    assert await digest_of(world.client, f"{server.host}/{path}@{made.manifest.digest}") == made.manifest.digest


async def test_no_tag_moves_when_one_image_cannot_be_pushed(
    server: RegistryServer, proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any]
) -> None:
    old, new = image(100), image(200)
    tags = [f"{server.host}/{path}/good:1", f"{proxy.host}/{path}/bad:1"]
    await world.publish(world.publication("good", old, tags[0]), world.publication("bad", old, tags[1]))
    proxy.add(method="PUT", path=f"/{path}/bad/blobs", times=100, status=500)
    jobs = [world.publication("good", new, tags[0]), world.publication("bad", new, tags[1])]
    with pytest.raises(PublishError) as caught:
        await world.publish(*jobs)
    assert {str(t) for t in caught.value.missing} == set(tags)
    assert caught.value.exit_code == 3
    *causes, state = caught.value.diagnostics
    assert causes and all("(500 from" in cause.message for cause in causes)
    assert state.message.startswith("no tag was moved; not published: ")
    assert [await digest_of(world.client, t) for t in tags] == [old.manifest.digest] * 2
    assert any(isinstance(e, events.BlobFinished) and e.outcome == "failed" for e in world.events)

    proxy.faults.clear()
    done = await world.publish(*jobs)
    assert [await digest_of(world.client, t) for t in tags] == [new.manifest.digest] * 2
    assert outcomes(done)["present"] >= 2  # what the failed run sent is not sent again


async def test_tags_that_did_move_are_told(
    proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any]
) -> None:
    made = image(100)
    proxy.add(method="PUT", path="/manifests/second", times=100, status=403, body=b"immutable")
    tags = [f"{proxy.host}/{path}:first", f"{proxy.host}/{path}:second"]
    with pytest.raises(PublishError) as caught:
        await world.publish(world.publication("app", made, *tags))
    assert [str(t) for t in caught.value.missing] == [tags[1]]
    assert [str(t.tag) for t in caught.value.done.tags] == [tags[0]]
    cause, state = caught.value.diagnostics
    assert cause.code == "registry-denied" and "immutable" in cause.message
    assert state.message == f"published: {tags[0]}; not published: {tags[1]}"


async def test_content_that_cannot_be_made(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any]
) -> None:
    made = image(100)

    async def content(blob: Descriptor) -> Path:
        raise StepError(Diagnostic("x", f"cannot archive {blob.digest}"))

    job = world.publication("app", made, f"{server.host}/{path}:1")
    with pytest.raises(PublishError, match="cannot archive"):
        await publish(world.client, [job], content, world.known, world.events.append)
    assert await digest_of(world.client, job.tags[0]) is None


async def test_images_go_up_while_others_are_built(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any]
) -> None:
    publisher = Publisher(world.client, world.content, world.known, world.events.append)
    jobs = [world.publication(f"t{n}", image(100), f"{server.host}/{path}/t{n}:1") for n in range(2)]
    for job in jobs:
        await publisher.send(job)
        assert await digest_of(world.client, job.tags[0]) is None
        pinned = f"{job.tags[0].repository}@{job.root.digest}"
        assert await digest_of(world.client, pinned) == job.root.digest
    assert len((await publisher.commit()).tags) == 2
    assert (await publisher.commit()).tags == publisher.result.tags  # nothing is left to move


async def test_events_of_an_upload(server: RegistryServer, world: World, path: str, image: Callable[..., Any]) -> None:
    made = image(500_000)
    await world.publish(world.publication("app", made, f"{server.host}/{path}:1"))
    layer = made.layers[0].digest
    mine = [e for e in world.events if getattr(e, "digest", "") == layer]
    assert [type(e) for e in (mine[0], mine[-1])] == [events.BlobStarted, events.BlobFinished]
    assert isinstance(mine[-2], events.BlobProgress) and mine[-2].current == mine[-2].size == 500_000
    assert mine[-1].bytes == 500_000
    published = [e for e in world.events if isinstance(e, events.TagPublished)]
    assert [(e.target, e.digest, e.unchanged) for e in published] == [("app", made.manifest.digest, False)]


async def test_nobody_there(world: World, image: Callable[..., Any]) -> None:
    with faulty_proxy() as gone:
        host = gone.host
    with pytest.raises(PublishError, match="no connection") as caught:
        await world.publish(world.publication("app", image(1), f"{host}/x:1"))
    assert len(caught.value.diagnostics) == 2
