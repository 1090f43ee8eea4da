"""Which tags move: immutable ones never, others by their rule, and those of two runs at once as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import msgspec
import pytest
from faulty_proxy import FaultyProxy
from publishing_world import World
from registry_server import RegistryServer

from bake import events
from bake.oci import media_types as mt
from bake.oci.digest import sha256
from bake.oci.model import Descriptor, Manifest, encode
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.publication import Document, Publication, PublishError
from bake.registry.push import Publisher
from bake.registry.tags import is_immutable

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(client: Registry) -> World:
    return World(client)


async def digest_of(client: Registry, tag: str) -> str:
    return (await client.resolve(parse_reference(tag))).digest


@pytest.mark.parametrize(
    ("tag", "patterns", "expected"),
    [
        ("v1.2", ["v*"], True),
        ("v1.2", ["V*"], False),
        ("latest", ["v*"], False),
        ("", ["latest"], True),
        ("1.2.3", ["v*", "[0-9]*.*.*"], True),
        ("x", [], False),
    ],
)
def test_patterns(tag: str, patterns: list[str], expected: bool) -> None:
    assert is_immutable(parse_reference(f"r.io/a:{tag}" if tag else "r.io/a"), patterns) is expected


async def test_an_immutable_tag_does_not_move_and_nothing_is_sent(
    proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any]
) -> None:
    old, new = image(100), image(200)
    tags = [f"{proxy.host}/{path}:v1", f"{proxy.host}/{path}:latest"]
    await world.publish(world.publication("app", old, *tags))
    proxy.seen.clear()
    job = replace(world.publication("app", new, *tags), immutable=("v*",))
    with pytest.raises(PublishError) as caught:
        await world.publish(job)
    first = caught.value.diagnostics[0]
    assert first.code == "immutable-tag"
    assert old.manifest.digest in first.message and new.manifest.digest in first.message
    assert caught.value.exit_code == 3
    assert {seen.method for seen in proxy.seen} == {"HEAD"}
    assert [await digest_of(world.client, tag) for tag in tags] == [old.manifest.digest] * 2


async def test_an_immutable_tag_may_be_made_and_pushed_again(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any]
) -> None:
    job = replace(world.publication("app", image(100), f"{server.host}/{path}:v1"), immutable=("v*",))
    assert [tag.unchanged for tag in (await world.publish(job)).tags] == [False]
    assert [tag.unchanged for tag in (await world.publish(job)).tags] == [True]


async def test_an_immutable_tag_that_another_run_made_meanwhile(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any]
) -> None:
    mine, other = image(100), image(200)
    tag = f"{server.host}/{path}:v1"
    publisher = Publisher(world.client, world.content, world.known, world.events.append)
    await publisher.send(replace(world.publication("app", mine, tag), immutable=("v*",)))
    await world.publish(world.publication("app", other, tag))
    with pytest.raises(PublishError, match="is immutable"):
        await publisher.commit()
    assert await digest_of(world.client, tag) == other.manifest.digest


async def test_if_missing(proxy: FaultyProxy, world: World, path: str, image: Callable[..., Any]) -> None:
    old, new = image(100), image(200)
    here, fresh = f"{proxy.host}/{path}/a:1", f"{proxy.host}/{path}/b:1"
    await world.publish(world.publication("app", old, here))
    proxy.seen.clear()
    only = replace(world.publication("app", new, here), rule="if-missing")
    assert (await world.publish(only)).tags == ()
    assert {seen.method for seen in proxy.seen} == {"HEAD"}
    (note,) = [e.diagnostic for e in world.events if isinstance(e, events.DiagnosticFound)]
    assert note.code == "tag-kept" and old.manifest.digest in note.message and new.manifest.digest in note.message
    both = replace(world.publication("app", new, here, fresh), rule="if-missing")
    assert [str(tag.tag) for tag in (await world.publish(both)).tags] == [fresh]
    assert await digest_of(world.client, here) == old.manifest.digest


def dated(world: World, made: Any, time: str, tmp_path: Any, **changes: Any) -> Publication:
    """The image with another time in its config, and other values too where `changes` says so."""
    config = json.loads(made.files[made.config.digest].read_bytes()) | {"created": time} | changes
    data = json.dumps(config).encode()
    (tmp_path / sha256(data)).write_bytes(data)
    world.files.update({**made.files, sha256(data): tmp_path / sha256(data)})
    descriptor = Descriptor(mt.OCI_CONFIG, sha256(data), len(data))
    manifest = msgspec.structs.replace(msgspec.json.decode(made.manifest.data, type=Manifest), config=descriptor)
    root = Document(encode(manifest), mt.OCI_MANIFEST)
    return Publication("app", root, (descriptor, *made.layers), rule="if-changed", configs={sha256(data): data})


async def test_if_changed(
    server: RegistryServer, world: World, path: str, image: Callable[..., Any], tmp_path: Any
) -> None:
    made, tag = image(100), parse_reference(f"{server.host}/{path}:1")
    first = replace(dated(world, made, "2026-01-01T00:00:00Z", tmp_path), tags=(tag,))
    later = replace(dated(world, made, "2026-02-02T00:00:00Z", tmp_path), tags=(tag,))
    other = replace(dated(world, made, "2026-02-02T00:00:00Z", tmp_path, architecture="arm64"), tags=(tag,))
    assert len((await world.publish(first)).tags) == 1
    assert (await world.publish(later)).tags == ()
    assert await digest_of(world.client, str(tag)) == first.root.digest
    assert len((await world.publish(other)).tags) == 1
    assert await digest_of(world.client, str(tag)) == other.root.digest


async def test_two_runs_at_once_leave_the_tags_of_one(
    server: RegistryServer, client: Registry, path: str, image: Callable[..., Any]
) -> None:
    """Ten tags of five images each; which run wins is chance, that it wins all of them is not."""
    tags = [[f"{server.host}/{path}/{n}:{t}" for t in "ab"] for n in range(5)]
    images = {run: [image(50) for _ in tags] for run in "xy"}

    async def go(run: str) -> None:
        world = World(client)
        await world.publish(*(world.publication(f"t{n}", images[run][n], *tags[n]) for n in range(5)))

    for _ in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(go, "x")
            group.start_soon(go, "y")
        found = [await digest_of(client, tag) for row in tags for tag in row]
        wholes = [[made.manifest.digest for made in images[run] for _ in "ab"] for run in "xy"]
        assert found in wholes
