"""After a power loss no layer is trusted that may not have been on the disk (bake/store/durable.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from storing import blob_of, commit, diff_id, unpack

from bake.plan.tree import SCRATCH
from bake.ports.records import Record
from bake.store import DiskStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return open_store(tmp_path / "store")


def restart_machine(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> DiskStore:
    """Opens the store as after another boot; `store` was never closed."""
    monkeypatch.setattr("bake.store.open.boot_id", lambda: "another-boot")
    return open_store(store.root)


def test_layers_not_synced_are_evicted_with_all_above(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    safe = commit(store.layers, a="1")
    store.flush()
    lost = commit(store.layers, safe.state, b="2")
    alias = store.layers.alias(safe.state, commit(store.layers, SCRATCH, c="3").state)
    above = commit(store.layers, lost.state, d="4")
    for name, layer in {"safe": safe, "lost": lost, "alias": alias, "above": above}.items():
        store.records.remember(Record(name, layer.state, 1.0), {})
    after = restart_machine(store, monkeypatch)
    assert [name for name in ("safe", "lost", "alias", "above") if after.records.lookup(name)] == ["safe"]
    assert after.records.known("lost") and after.layers.layer(above.state) is None
    assert os.listdir(store.root / "layers") == [safe.state] and after.verify(deep=True) == []
    after.close()


def test_a_synced_layer_above_a_lost_one_goes_too(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    below = commit(store.layers, a="1")
    above = commit(store.layers, below.state, b="2")
    with store.database.write() as connection:
        connection.execute("UPDATE trees SET boot = '' WHERE name = ?", (above.state,))
    after = restart_machine(store, monkeypatch)
    assert after.layers.layer(above.state) is None and after.verify() == []
    assert os.listdir(store.root / "layers") == []
    after.close()


def test_an_images_layer_is_unpacked_again(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    state = store.layers.add_image([diff_id("a")], [blob_of(b"a")], "h/r", 1.0)
    unpack(store.layers, state, a="1")
    after = restart_machine(store, monkeypatch)
    layer = after.layers.layer(state)
    assert layer is not None and layer.directory is None and layer.sources == ("h/r",)
    assert unpack(after.layers, state, a="1").directory is not None
    after.close()


def test_a_closed_store_loses_nothing(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = commit(store.layers, a="1")
    store.close()
    after = restart_machine(store, monkeypatch)
    assert after.layers.layer(layer.state) == layer
    after.close()


def test_one_process_makes_safe_what_a_killed_one_left(store: DiskStore, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = commit(store.layers, a="1")
    open_store(store.root).close()
    after = restart_machine(store, monkeypatch)
    assert after.layers.layer(layer.state) == layer
    after.close()


def test_records_and_facts_are_synced_at_return(store: DiskStore) -> None:
    """SQLite's own word for it; other writes wait for the next of these or for the end."""
    said: list[str] = []
    store.database._connection.set_trace_callback(said.append)

    def how() -> str:
        return next(text for text in reversed(said) if "synchronous" in text).rpartition(" ")[2]

    state = commit(store.layers, a="1").state
    assert how() == "NORMAL"
    store.records.remember(Record("key", state, 1.0), {})
    assert how() == "FULL"
    store.records.visit({"slot": "key"}, {})
    assert how() == "NORMAL"
    store.files.remember_fact("url", "x", b"1")
    assert how() == "FULL"
    store.results.save({"x": b"1"})
    assert how() == "NORMAL"
    store.flush()
    assert how() == "FULL"
    store.close()
