"""What a prune removes and what it leaves, over random stores; nobody's layers go while someone has the store open."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storing import commit

from bake.plan.tree import SCRATCH, StateId
from bake.ports.records import Record
from bake.store import DiskStore, open_store
from bake.store.candidates import Item, Keep
from bake.store.prune import Limits, choose, remove_all

NONE = Limits()
NOBODY = Keep(lambda _slot: False)


def used(store: DiskStore, key: str, state: StateId, at: float) -> None:
    store.records.remember(Record(key, state, at), {})
    with store.database.write() as connection:
        connection.execute("UPDATE records SET last_used = ? WHERE key = ?", (at, key))
    layer = store.layers.layer(state)
    assert layer is not None and layer.directory is not None
    os.utime(layer.directory, (at, at))


def pruned(store: DiskStore, limits: Limits = NONE, keep: Keep = NOBODY) -> list[Item]:
    done = store.prune(limits, keep)
    assert done is not None
    assert remove_all(done[1]) == ()
    return done[0]


def test_the_least_recently_used_goes_first_and_never_what_others_stand_on(tmp_path: Path) -> None:
    now = time.time()
    store = open_store(tmp_path)
    base = commit(store.layers, file="b" * 100)
    old = commit(store.layers, base.state, file="o" * 100)
    new = commit(store.layers, base.state, file="n" * 100)
    for number, layer in enumerate((base, old, new)):
        used(store, f"key{number}", layer.state, now - 1000 + number * 100)
    assert [item.name for item in store.choose(Limits(size=250), NOBODY)] == [old.state]
    assert [item.name for item in store.choose(Limits(age=850), NOBODY)] == [old.state]
    assert store.choose(Limits(size=300, age=5000), NOBODY) == []
    assert [item.name for item in pruned(store, Limits(size=250))] == [old.state]
    assert store.records.lookup("key1") is None and store.records.known("key1")  # evicted
    assert store.records.lookup("key2") is not None
    assert [item.name for item in pruned(store)] == [new.state, base.state]
    assert store.verify(deep=True) == []
    assert os.listdir(tmp_path / "layers") == []
    store.close()


def test_slots_results_and_blobs_are_kept_with_all_below(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    base = commit(store.layers, file="b")
    one, two, three = (commit(store.layers, base.state, file=text) for text in "123")
    for key, layer in (("one", one), ("two", two), ("three", three)):
        store.records.remember(Record(key, layer.state, 1.0), {})
    store.records.visit({"here": "one", "gone": "two"}, {})
    blob, other = store.blobs.put(b"kept"), store.blobs.put(b"not kept")
    keep = Keep(lambda slot: slot == "here", frozenset({three.state}), frozenset({blob}))
    assert {item.name for item in pruned(store, keep=keep)} == {two.state, other}
    assert {item.name for item in pruned(store, keep=NOBODY)} == {one.state, three.state, base.state, blob}
    store.close()


def test_nothing_goes_while_another_has_the_store_open(tmp_path: Path) -> None:
    one, two = open_store(tmp_path), open_store(tmp_path)
    commit(one.layers, file="1")
    assert one.prune(Limits(), NOBODY) is None
    assert len(one.choose(Limits(), NOBODY)) == 1
    two.close()
    assert len(pruned(one)) == 1
    one.close()


def test_caches_go_unless_they_are_in_use(tmp_path: Path) -> None:
    import fcntl

    store = open_store(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"caches/{name}/0/data").mkdir(parents=True)
        (tmp_path / f"caches/{name}/0/data/file").write_text("x" * 10)
    with open(tmp_path / "caches/two/0/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert {(i.kind, i.name, i.size) for i in pruned(store)} == {("cache", "one/0", 10), ("cache", "two/0", 10)}
        assert os.listdir(tmp_path / "caches") == ["two"]
    pruned(store)
    assert os.listdir(tmp_path / "caches") == []
    store.close()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 8), st.integers(1, 50), st.integers(0, 9), st.booleans()), max_size=9),
    st.one_of(st.none(), st.integers(0, 300)),
    st.one_of(st.none(), st.integers(0, 10)),
)
def test_random_stores(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, bool]], size: int | None, age: int | None
) -> None:
    now = float(int(time.time()))
    store = open_store(tmp_path_factory.mktemp("store"))
    states: list[StateId] = []
    kept: set[str] = set()
    for number, (parent, length, at, keep) in enumerate(rows):
        below = states[parent] if 0 <= parent < len(states) else SCRATCH
        states.append(commit(store.layers, below, file=f"{number} " + "x" * length).state)
        used(store, f"{number}", states[-1], now - 100 * at)
        kept |= {states[-1]} if keep else set()
    limits = Limits(size, None if age is None else 100.0 * age - 50)
    keep = Keep(lambda _slot: False, frozenset(kept))
    said = store.choose(limits, keep)
    gone = pruned(store, limits, keep)
    assert said == gone
    assert store.verify(deep=True) == []
    left = {row.name: row for row in store.usage() if row.kind == "layer"}
    for state in kept:  # whole, down to the bottom
        assert {layer.state for layer in store.layers.chain(StateId(state))} <= set(left)
    if size is not None and sum(row.size for row in left.values()) > size:
        assert all(store.choose(Limits(), keep) == [] for _ in range(1))
    assert choose([], limits, now) == []
    store.close()
