"""Many writers of one cache: whatever comes between reading and moving the tag, nothing is lost of any."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import cache_writer
import pytest
from cache_writer import addition, hexed, place_of, write
from faulty_proxy import faulty_proxy
from registry_server import RegistryServer

from bake.oci.digest import sha256
from bake.oci.reference import parse_reference
from bake.plan.tree import SCRATCH, state_of_digest
from bake.registry.client import Registry
from bake.remote import repository as module
from bake.remote.artifact import note_name, note_prefix, notes_in
from bake.remote.catalog import Blob, CachedState, Catalog, Known
from bake.remote.directory import DirectoryCache
from bake.remote.place import Addition

PROCESSES, ROUNDS = 4, 3


def read(text: str, directory: Path) -> Catalog:
    async def go() -> Catalog:
        found = await place_of(text, directory).read()
        assert found.problems == ()
        parts = await found.parts() if found.parts else {}
        return Catalog(found.catalog.records, found.catalog.states, {}, found.catalog.slots, parts)

    return anyio.run(go)


def run_all(text: str) -> None:
    path = os.pathsep.join([str(Path(cache_writer.__file__).parent), *sys.path])
    running = [
        subprocess.Popen(
            [sys.executable, cache_writer.__file__, text, str(number), str(ROUNDS)],
            env={**os.environ, "PYTHONPATH": path},
            stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    errors = [process.communicate(timeout=120)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES, errors


@pytest.mark.parametrize("kind", ["registry", "directory"])
def test_processes_that_write_at_once_lose_nothing(kind: str, tmp_path: Path, server: RegistryServer) -> None:
    text = f"{server.host}/processes:main" if kind == "registry" else f"dir:{tmp_path}/cache"
    run_all(text)
    names = [f"{number}-{turn}" for number in range(PROCESSES) for turn in range(ROUNDS)]
    found = read(text, tmp_path)
    assert found.records.keys() == {hexed(name) for name in (*names, "shared")}
    assert found.slots.keys() == set(names)
    assert {found.parts[hexed(name)]["instruction"] for name in names} == {f"RUN {name}" for name in names}


def test_a_writer_that_overwrites_another_at_the_worst_moment(
    tmp_path: Path, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a writer has seen that its note is in, the tag is moved back by one who knew nothing of it."""
    text = f"{server.host}/worst:main"
    first, second = place_of(text, tmp_path), place_of(text, tmp_path / "second")
    (tmp_path / "second").mkdir()
    moved = module.RepositoryCache._move
    read_it, go_on = anyio.Event(), anyio.Event()

    async def slow(self: Any, *arguments: Any) -> None:
        if self is second and not go_on.is_set():
            read_it.set()
            await go_on.wait()
        await moved(self, *arguments)

    async def race() -> None:
        monkeypatch.setattr(module.RepositoryCache, "_move", slow)
        async with anyio.create_task_group() as group:
            group.start_soon(write, second, "second")
            await read_it.wait()
            await write(first, "first")  # to its end, and it has seen its note in the artifact
            go_on.set()

    anyio.run(race)
    assert read(text, tmp_path).records.keys() == {hexed(name) for name in ("first", "second", "shared")}


def test_the_note_of_one_who_was_overwritten_is_taken_in_by_the_next(tmp_path: Path, server: RegistryServer) -> None:
    """As after a writer that died between its note and the tag."""
    text = f"{server.host}/died:main"

    async def half() -> None:
        place: Any = place_of(text, tmp_path)
        note = note_prefix("main") + note_name(2e9, "00000000")
        await place._exchange.put(note, addition("died"), {})

    anyio.run(half)
    assert hexed("died") in read(text, tmp_path).records
    anyio.run(write, place_of(text, tmp_path), "next")
    assert read(text, tmp_path).records.keys() == {hexed(name) for name in ("died", "next", "shared")}


def test_notes_are_swept_when_they_have_been_in_for_long(tmp_path: Path, server: RegistryServer) -> None:
    text = f"{server.host}/swept:main"

    def notes() -> tuple[str, ...]:
        return notes_in(anyio.run(Registry().tags, text.removesuffix(":main")), "main")

    anyio.run(write, place_of(text, tmp_path), "one")
    (fresh,) = notes()
    # The same note as if it had been written two hours ago.
    old = note_name(int(fresh[:8], 16) - 7200, "12345678")

    async def age() -> None:
        place: Any = place_of(text, tmp_path)
        await place._exchange.put(note_prefix("main") + old, addition("old"), {})
        await write(place, "two")  # takes it in
        assert old in notes_in(await Registry().tags(text.removesuffix(":main")), "main")
        await write(place, "three")  # finds that it has been in, and takes it away

    anyio.run(age)
    assert old not in notes()
    assert len(notes()) == 3
    assert read(text, tmp_path).records.keys() == {hexed(name) for name in ("one", "old", "two", "three", "shared")}


def test_an_unchanged_build_writes_nothing(tmp_path: Path, server: RegistryServer) -> None:
    for text in (f"{server.host}/unchanged:main", f"dir:{tmp_path}/cache"):
        assert anyio.run(write, place_of(text, tmp_path / "a"), "one") is True
        assert anyio.run(write, place_of(text, tmp_path / "b"), "one") is False


def test_archives_that_a_cache_holds_stay_while_they_are_wanted(tmp_path: Path) -> None:
    """A directory is its own: what no catalog names any more goes, the rest stays."""
    place = DirectoryCache(tmp_path / "cache")
    (tmp_path / "blob").write_bytes(b"archive")
    digest = sha256(b"archive")
    state = CachedState(SCRATCH, hexed("x"), 1, 1.0, digest, (Blob(digest, "t", 7, ("",)),))
    id_ = state_of_digest(SCRATCH, state.listing)
    catalog = Catalog({hexed("k"): Known(id_, 1.0, 1.0, 2_000_000_000)}, {id_: state})

    async def add(_before: Catalog) -> Addition:
        return Addition(catalog, {digest: tmp_path / "blob"})

    anyio.run(place.write, add)
    anyio.run(write, place, "another")
    blobs = tmp_path / "cache/blobs/sha256"
    assert (blobs / digest[7:]).read_bytes() == b"archive"
    assert len(list(blobs.iterdir())) == 5  # manifest, config, catalog, parts, archive

    async def lose(_before: Catalog) -> Addition:
        return Addition(Catalog(), {}, frozenset({digest}))

    anyio.run(place.write, lose)
    assert not (blobs / digest[7:]).exists()


def test_references_with_a_long_tag_have_notes_too(tmp_path: Path, server: RegistryServer) -> None:
    text = f"{server.host}/long:{'t' * 128}"
    assert parse_reference(text).tag == "t" * 128
    assert anyio.run(write, place_of(text, tmp_path), "one") is True
    assert hexed("one") in read(text, tmp_path).records


def test_a_registry_that_lists_and_deletes_nothing(tmp_path: Path, server: RegistryServer) -> None:
    """Notes are not found then, but each writer still sees to its own being in."""
    with faulty_proxy(server.host) as proxy:
        proxy.add(path="/tags/list", status=401, times=1000)
        proxy.add(method="DELETE", status=405, times=1000)
        text = f"{proxy.host}/poor:main"
        for name in ("one", "two", "three"):
            assert anyio.run(write, place_of(text, tmp_path / name), name) is True
        assert read(text, tmp_path).records.keys() == {hexed(name) for name in ("one", "two", "three", "shared")}


def test_a_registry_that_refuses_an_archive_it_once_had(tmp_path: Path, server: RegistryServer) -> None:
    """Somebody cleaned the repository: the cache is written without that archive, and the result stays known."""
    digest = sha256(b"archive")
    (tmp_path / "blob").write_bytes(b"archive")
    state = CachedState(SCRATCH, hexed("x"), 1, 1.0, digest, (Blob(digest, "t", 7, ("",)),))
    id_ = state_of_digest(SCRATCH, state.listing)
    catalog = Catalog({hexed("k"): Known(id_, 1.0, 1.0, 2_000_000_000)}, {id_: state})
    text = f"{server.host}/cleaned:main"

    async def add(_before: Catalog) -> Addition:
        return Addition(catalog, {digest: tmp_path / "blob"})

    anyio.run(place_of(text, tmp_path / "a").write, add)
    assert read(text, tmp_path).states[id_].blobs == state.blobs
    shutil.rmtree(server.storage / "docker/registry/v2/repositories/cleaned/_layers/sha256" / digest[7:])
    anyio.run(write, place_of(text, tmp_path / "b"), "another")
    found = read(text, tmp_path / "c")
    assert found.records.keys() == {hexed("k"), hexed("another"), hexed("shared")}
