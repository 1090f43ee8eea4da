"""What every store promises (the docstrings in bake/ports), held against each implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace
from storing import blob_of, commit, diff_id, fill, listing_of, unpack

from bake.errors import HostError, LostLayer
from bake.oci.digest import sha256
from bake.plan.listing import encode, listing_digest, times_given
from bake.plan.tree import SCRATCH, Entry, StateId, stack, state_of_images, state_over
from bake.ports.records import Record
from bake.ports.store import Store
from bake.store import open_store

Open = Callable[[Path], Store]
IMPLEMENTATIONS: dict[str, Open] = {"disk": open_store}
LOST = StateId("0" * 64)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=IMPLEMENTATIONS.values(), ids=IMPLEMENTATIONS.keys())
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the same store again, as often as asked, as other processes do."""
    opened: list[Store] = []

    def again() -> Store:
        opened.append(request.param(tmp_path / "store"))
        return opened[-1]

    yield again
    for each in opened:
        each.close()


@pytest.fixture
def store(open_one: Callable[[], Store]) -> Store:
    return open_one()


@pytest.fixture
def other(open_one: Callable[[], Store]) -> Store:
    """The same store as `store`, opened another time."""
    return open_one()


# Records


def test_a_record_is_found_by_its_key_only(store: Store) -> None:
    state = commit(store.layers, a="1").state
    record = Record("key", state, 10.0, 2.5)
    store.records.remember(record, {"instruction": "RUN true"})
    assert store.records.lookup("key") == record
    assert store.records.lookup("other") is None
    assert store.records.known("key") and not store.records.known("other")


def test_a_record_of_a_lost_layer_is_known_but_never_found(store: Store) -> None:
    store.records.remember(Record("key", LOST, 1.0), {})
    assert store.records.lookup("key") is None
    assert store.records.known("key")


def test_a_record_may_point_at_the_empty_state(store: Store) -> None:
    store.records.remember(Record("key", SCRATCH, 1.0), {})
    assert store.records.lookup("key") == Record("key", SCRATCH, 1.0)


def test_a_second_record_replaces_the_first(store: Store) -> None:
    first, second = commit(store.layers, a="1"), commit(store.layers, a="2")
    store.records.remember(Record("key", first.state, 1.0, 1.0), {"file.a": "1"})
    store.records.remember(Record("key", second.state, 2.0, 3.0), {"file.a": "2"})
    store.records.visit({"slot": "key"}, {})
    assert store.records.lookup("key") == Record("key", second.state, 2.0, 3.0)
    assert store.records.last_parts("slot") == {"file.a": "2"}
    assert store.records.last_durations(["slot"]) == {"slot": 3.0}


def test_a_slot_tells_of_its_last_run(store: Store) -> None:
    state = commit(store.layers, a="1").state
    assert store.records.last_parts("slot") is None and store.records.last_durations(["slot"]) == {}
    store.records.remember(Record("one", state, 1.0, 0.5), {"env.A": "1"})
    store.records.remember(Record("two", state, 1.0, 1.5), {"env.A": "2"})
    store.records.visit({"slot": "one", "twin": "one"}, {})
    assert store.records.last_parts("slot") == {"env.A": "1"} == store.records.last_parts("twin")
    store.records.visit({"slot": "two"}, {})
    assert store.records.last_parts("slot") == {"env.A": "2"}
    assert store.records.last_durations(["slot", "none", "twin"]) == {"slot": 1.5, "twin": 0.5}
    assert store.records.last_record("slot") == Record("two", state, 1.0, 1.5)
    assert store.records.last_record("none") is None
    assert store.records.last_parts("twin") == {"env.A": "1"}


def test_a_visit_keeps_the_parts_given_with_it(store: Store) -> None:
    store.records.visit({"slot": "key"}, {"key": {"parent": "p"}})
    assert store.records.last_parts("slot") == {"parent": "p"}
    assert store.records.last_durations(["slot"]) == {}
    assert not store.records.known("key")


def test_parts_may_name_files_that_are_not_unicode(store: Store) -> None:
    parts = {"file.na\udcefve.txt": "f644", "env.E": "é\n\0"}
    store.records.remember(Record("key", SCRATCH, 1.0), parts)
    store.records.visit({"slot": "key"}, {})
    assert store.records.last_parts("slot") == parts


def test_another_process_sees_records_at_once(store: Store, other: Store) -> None:
    state = commit(store.layers, a="1").state
    assert other.records.lookup("key") is None
    store.records.remember(Record("key", state, 1.0), {})
    assert other.records.lookup("key") == Record("key", state, 1.0)


# Claims


async def _rivals(first: Store, second: Store, keys: tuple[str, str]) -> tuple[int, int]:
    """Two tasks, each wanting its key three times: (most holders at one moment, times held)."""
    holders, most, times = 0, 0, 0

    async def work(store: Store, key: str) -> None:
        nonlocal holders, most, times
        for _ in range(3):
            async with store.records.claim(key):
                holders += 1
                most, times = max(most, holders), times + 1
                await anyio.sleep(0.01)
                holders -= 1

    async with anyio.create_task_group() as group:
        group.start_soon(work, first, keys[0])
        group.start_soon(work, second, keys[1])
    return most, times


@pytest.mark.anyio
async def test_a_claim_excludes_other_processes_and_other_tasks(store: Store, other: Store) -> None:
    assert await _rivals(store, other, ("key", "key")) == (1, 6)
    assert await _rivals(store, store, ("key", "key")) == (1, 6)


@pytest.mark.anyio
async def test_claims_of_different_keys_do_not_wait(store: Store, other: Store) -> None:
    assert (await _rivals(store, other, ("one", "two")))[0] == 2


@pytest.mark.anyio
async def test_several_claims_are_held_at_once(store: Store) -> None:
    async with store.records.claim("a"), store.records.claim("b"), store.records.claim("c\udcff"):
        pass


@pytest.mark.anyio
async def test_a_claim_ends_with_an_error_and_waiting_can_be_cancelled(store: Store, other: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.records.claim("key"):
            with anyio.move_on_after(0.02) as scope:
                async with other.records.claim("key"):
                    raise AssertionError("held twice")
            assert scope.cancelled_caught
            raise ZeroDivisionError
    async with other.records.claim("key"):
        pass


# Layers


def test_a_committed_layer_has_its_files_and_its_place(store: Store) -> None:
    layer = commit(store.layers, created=5.0, a="one", b="three")
    assert layer.state == state_over(SCRATCH, listing_of({"a": "one", "b": "three"}))
    assert (layer.parent, layer.created, layer.size, layer.diff_id, layer.blobs) == (SCRATCH, 5.0, 8, "", ())
    assert layer.directory is not None and (layer.directory / "fs" / "a").read_text() == "one"
    assert store.layers.layer(layer.state) == layer
    assert store.layers.listing(layer.state) == listing_of({"a": "one", "b": "three"})


def test_the_empty_state_has_no_layers(store: Store) -> None:
    assert store.layers.chain(SCRATCH) == ()
    assert store.layers.tree(SCRATCH) == {}
    assert store.layers.layer(SCRATCH) is None and store.layers.listing(SCRATCH) is None


def test_an_unknown_state_is_an_error_with_a_hint(store: Store) -> None:
    assert store.layers.layer(LOST) is None and store.layers.listing(LOST) is None
    with pytest.raises(HostError) as raised:
        store.layers.chain(LOST)
    assert raised.value.diagnostics[0].code == "lost-layer" and raised.value.diagnostics[0].hint


def test_an_unknown_parent_is_an_error(store: Store) -> None:
    scratch = store.layers.scratch()
    digest, size = fill(scratch, {"a": "1"})
    with pytest.raises(HostError):
        store.layers.commit(LOST, scratch, digest, created=1.0, size=size)


def test_a_chain_is_bottom_first_and_its_tree_is_stacked(store: Store) -> None:
    base = commit(store.layers, a="1", b="1")
    middle = commit(store.layers, base.state, a=None, c="2")
    top = commit(store.layers, middle.state, b="3")
    assert store.layers.chain(top.state) == (base, middle, top)
    listings = [listing_of({"a": "1", "b": "1"}), listing_of({"a": None, "c": "2"}), listing_of({"b": "3"})]
    for _ in range(2):  # also when remembered
        assert store.layers.tree(middle.state) == stack(listings[:2])
        assert store.layers.tree(top.state) == stack(listings)
    assert list(store.layers.tree(top.state) or {}) == ["b", "c"]


def test_a_deep_chain(store: Store) -> None:
    layer = commit(store.layers, f0="x")
    for number in range(1, 300):
        layer = commit(store.layers, layer.state, **{f"f{number}": "x"})
    chain = store.layers.chain(layer.state)
    assert len(chain) == 300 and all(above.parent == below.state for below, above in pairwise(chain))
    assert len(store.layers.tree(layer.state) or {}) == 300


def test_equal_content_keeps_the_older_layer(store: Store, other: Store) -> None:
    first = commit(store.layers, created=1.0, a="same")
    blob = blob_of(b"archive")
    store.layers.archived(first.state, diff_id("x"), blob)
    again = commit(other.layers, created=99.0, a="same")
    assert (again.created, again.diff_id, again.blobs) == (1.0, diff_id("x"), (blob,))
    assert again.directory == first.directory and again.directory is not None and again.directory.is_dir()


def test_a_scratch_directory_is_empty_new_and_gone_after_close(store: Store, open_one: Callable[[], Store]) -> None:
    again = open_one()
    paths = [again.layers.scratch(), again.layers.scratch(), store.layers.scratch()]
    assert len(set(paths)) == 3 and all(path.is_dir() and not list(path.iterdir()) for path in paths)
    (paths[0] / "file").write_text("x")
    again.close()
    again.close()
    assert [path.exists() for path in paths] == [False, False, True]


def test_an_alias_shares_the_directory_and_later_the_archive(store: Store) -> None:
    base, top = commit(store.layers, a="1"), commit(store.layers, b="2")
    alias = store.layers.alias(base.state, top.state)
    assert alias.state == state_over(base.state, listing_of({"b": "2"}))
    assert (alias.parent, alias.directory, alias.created) == (base.state, top.directory, top.created)
    assert store.layers.alias(base.state, top.state) == alias
    assert store.layers.tree(alias.state) == listing_of({"a": "1", "b": "2"})
    store.layers.archived(top.state, diff_id("b"), blob_of(b"b"))
    shared = store.layers.layer(alias.state)
    assert shared is not None and shared.diff_id == diff_id("b") and shared.blobs == (blob_of(b"b"),)


def test_an_alias_of_an_unpacked_image_layer(store: Store) -> None:
    base = commit(store.layers, a="1")
    image = store.layers.add_image([diff_id("i")], [blob_of(b"i")], "host/r", 1.0)
    with pytest.raises(HostError):
        store.layers.alias(base.state, image)
    unpack(store.layers, image, b="2")
    alias = store.layers.alias(base.state, image)
    assert alias.state == state_over(base.state, listing_of({"b": "2"}))


def test_a_layer_that_became_an_alias_first_is_found_by_commit(store: Store) -> None:
    base, top = commit(store.layers, a="1"), commit(store.layers, b="2")
    alias = store.layers.alias(base.state, top.state)
    assert commit(store.layers, base.state, created=8.0, b="2") == alias


def test_image_layers_are_known_before_they_are_here(store: Store) -> None:
    ids, blobs = [diff_id("a"), diff_id("b")], [blob_of(b"a"), blob_of(b"b")]
    state = store.layers.add_image(ids, blobs, "host:5000/one", 3.0)
    assert state == state_of_images(ids)[-1] == store.layers.add_image(ids, blobs, "host:5000/one", 4.0)
    chain = store.layers.chain(state)
    assert [layer.diff_id for layer in chain] == ids and [layer.blobs for layer in chain] == [(b,) for b in blobs]
    assert all(layer.directory is None and layer.sources == ("host:5000/one",) for layer in chain)
    assert all(layer.created == 3.0 for layer in chain)
    assert store.layers.tree(state) is None and store.layers.listing(state) is None


def test_the_repository_seen_last_comes_first(store: Store) -> None:
    for repository in ("h/one", "h/two", "h/one"):
        state = store.layers.add_image([diff_id("a")], [blob_of(b"a")], repository, 1.0)
    layer = store.layers.layer(state)
    assert layer is not None and layer.sources == ("h/one", "h/two")


def test_an_image_without_layers_is_the_empty_state(store: Store) -> None:
    assert store.layers.add_image([], [], "h/r", 1.0) == SCRATCH


def test_an_image_is_unpacked_once_and_every_process_sees_it(store: Store, other: Store) -> None:
    state = store.layers.add_image([diff_id("a"), diff_id("b")], [blob_of(b"a"), blob_of(b"b")], "h/r", 1.0)
    bottom = other.layers.chain(state)[0]
    assert bottom.directory is None
    unpack(store.layers, bottom.state, a="1")
    assert other.layers.chain(state)[0].directory is not None
    assert other.layers.tree(state) is None
    unpacked = unpack(other.layers, state, b="22")
    assert (unpacked.size, unpacked.diff_id, unpacked.sources) == (2, diff_id("b"), ("h/r",))
    assert unpack(store.layers, state, b="22") == unpacked
    assert store.layers.tree(state) == listing_of({"a": "1", "b": "22"})


def test_the_first_diff_id_stays(store: Store) -> None:
    state = commit(store.layers, a="1").state
    gzip, zstd = blob_of(b"gzip"), blob_of(b"zstd")
    store.layers.archived(state, diff_id("a"), gzip)
    store.layers.archived(state, diff_id("a"), gzip)
    layer = store.layers.archived(state, diff_id("a"), zstd)
    assert (layer.diff_id, layer.blobs) == (diff_id("a"), (gzip, zstd))
    assert store.layers.archived(state, diff_id("other"), blob_of(b"x")) == layer


def test_selections_are_kept(store: Store, open_one: Callable[[], Store]) -> None:
    state = commit(store.layers, a="1").state
    assert store.layers.selection(state, "a") is None
    store.layers.remember_selection(state, "a", "one")
    store.layers.remember_selection(state, "a", "two")
    store.layers.remember_selection(SCRATCH, "a", "none")
    assert (store.layers.selection(state, "a"), store.layers.selection(SCRATCH, "a")) == ("two", "none")
    store.close()
    assert open_one().layers.selection(state, "a") == "two"


def test_names_that_are_not_unicode(store: Store) -> None:
    layer = commit(store.layers, **{"na\udcefve": "x\udcff"})
    assert list(store.layers.tree(layer.state) or {}) == ["na\udcefve"]


def test_a_listing_keeps_all_of_an_entry(store: Store) -> None:
    entry = Entry("d", 0o1777, 5, 6, xattrs=(("security.capability", b"\0\1"),), opaque=True, mtime=1_600_000_000_000)
    scratch = store.layers.scratch()
    (scratch / "fs").mkdir()
    (scratch / "listing").write_bytes(encode({"d": entry}))
    layer = store.layers.commit(SCRATCH, scratch, listing_digest({"d": entry}), created=1.0, size=0)
    assert store.layers.listing(layer.state) == {"d": entry}


# Blobs


def test_blobs_are_found_by_digest(store: Store, other: Store) -> None:
    digest = store.blobs.put(b"data")
    assert digest == sha256(b"data") == store.blobs.put(b"data")
    path = other.blobs.path(digest)
    assert path is not None and path.read_bytes() == b"data"
    assert store.blobs.path(sha256(b"else")) is None


def test_a_file_is_moved_in_and_a_second_one_dropped(store: Store) -> None:
    paths = []
    for _ in range(2):
        file = store.layers.scratch() / "blob"
        file.write_bytes(b"data")
        paths.append(store.blobs.adopt(file, sha256(b"data")))
        assert not file.exists()
    assert paths[0] == paths[1] == store.blobs.path(sha256(b"data"))


@pytest.mark.parametrize(
    "name", ["", "sha256:", "sha256:../../../x", "../x", "sha512:" + "0" * 64, "sha256:" + "A" * 64]
)
def test_what_is_no_digest_reaches_no_file(store: Store, name: str) -> None:
    assert store.blobs.path(name) is None
    with pytest.raises(ValueError, match="not a digest"):
        store.blobs.adopt(store.root / "nothing", name)


def test_where_a_blob_is_the_latest_first(store: Store, other: Store) -> None:
    for repository in ("h/a", "h/b", "h/c", "h/a"):
        store.blobs.remember_location("h", repository, diff_id("x"))
    store.blobs.remember_location("other", "other/z", diff_id("x"))
    assert other.blobs.located("h", diff_id("x")) == ("h/a", "h/c", "h/b")
    assert other.blobs.located("h", diff_id("y")) == ()


# Layers of caches


def test_an_adopted_layer_comes_back_with_the_times_that_were_given(store: Store) -> None:
    """An archive tells no more than times; the cache says which of them count, and is checked."""
    listing = {"f": Entry("f", 0o644, mtime=5 * 10**9, timed=True), "g": Entry("f", 0o644, mtime=5 * 10**9)}
    layers, blob = store.layers, blob_of(b"archive")
    said = {"created": 1.0, "diff_id": diff_id("x"), "blobs": (blob,), "sources": ("h/r",)}
    adopted = layers.adopt(SCRATCH, listing_digest(listing), **said, times_given=times_given(listing))  # type: ignore[arg-type]
    assert adopted is not None and layers.times_given(adopted.state) == b"\x01"
    scratch = layers.scratch()
    fill(scratch, {"f": "", "g": ""})
    (scratch / "listing").write_bytes(encode({path: replace(entry, timed=False) for path, entry in listing.items()}))
    layer = layers.unpacked(adopted.state, scratch, 0)
    assert layer.directory is not None and layers.listing(layer.state) == listing
    assert layers.times_given(layer.state) == b"\x01"
    assert store.verify(deep=False) == []  # type: ignore[attr-defined]


def test_an_adopted_layer_with_other_times_is_refused(store: Store) -> None:
    listing = {"f": Entry("f", 0o644, mtime=5 * 10**9, timed=True)}
    layers = store.layers
    adopted = layers.adopt(SCRATCH, listing_digest(listing), created=1.0, times_given=b"\x01")
    assert adopted is not None
    scratch = layers.scratch()
    fill(scratch, {"f": ""})
    (scratch / "listing").write_bytes(encode({"f": Entry("f", 0o644, mtime=6 * 10**9)}))
    with pytest.raises(LostLayer):
        layers.unpacked(adopted.state, scratch, 0)
    layers.forget(adopted.state)
    assert layers.layer(adopted.state) is None and layers.times_given(adopted.state) == b""


# Files


def test_digests_of_files_by_root(store: Store, other: Store) -> None:
    rows = {"a": ((1, 2, 3, 4, 5), "aa"), "na\udcefve/b": ((6, 7, 8, 2**62, 10), "bb")}
    store.files.remember_digests("/one", rows)
    store.files.remember_digests("/two\udcff", {"a": ((0, 0, 0, 0, 0), "cc")})
    store.files.remember_digests("/one", {"a": ((9, 9, 9, 9, 9), "dd")})
    store.files.remember_digests("/three", {})
    assert other.files.digests("/one") == rows | {"a": ((9, 9, 9, 9, 9), "dd")}
    assert other.files.digests("/two\udcff") == {"a": ((0, 0, 0, 0, 0), "cc")}
    assert other.files.digests("/three") == {}


def test_facts_by_kind_and_name(store: Store, other: Store) -> None:
    assert store.files.fact("url", "x") is None
    store.files.remember_fact("url", "x", b"1")
    store.files.remember_fact("url", "x", b"2")
    store.files.remember_fact("git", "x", b"\0")
    assert (other.files.fact("url", "x"), other.files.fact("git", "x")) == (b"2", b"\0")


# All of it


def test_everything_is_there_after_a_close(store: Store, open_one: Callable[[], Store]) -> None:
    layer = commit(store.layers, a="1")
    store.records.remember(Record("key", layer.state, 1.0), {"p": "1"})
    store.records.visit({"slot": "key"}, {})
    store.files.remember_fact("url", "x", b"1")
    store.files.remember_digests("/r", {"a": ((1,), "d")})
    store.close()
    again = open_one()
    assert again.layers.layer(layer.state) == layer and again.records.lookup("key") is not None
    assert again.records.last_parts("slot") == {"p": "1"}
    assert again.files.fact("url", "x") == b"1" and again.files.digests("/r") == {"a": ((1,), "d")}
