"""Results by name, the last runs, use of records, and threads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from storing import commit

from bake.plan.tree import SCRATCH
from bake.ports.records import Record
from bake.store import DiskStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return open_store(tmp_path / "store")


def test_results_replace_each_other(store: DiskStore) -> None:
    names = ("/dir\nmain\nlinux/amd64", "/na\udcefve\nmain\nlinux/amd64")
    for number, name in enumerate((*names, names[0])):
        store.results.save({name: bytes([number])})
    store.close()
    store = open_store(store.root)
    assert [store.results.load(name) for name in (*names, "none")] == [b"\2", b"\1", None]
    assert store.results.names() == names
    store.close()


def test_the_last_hundred_runs_are_kept(store: DiskStore) -> None:
    numbers = [store.runs.add(float(number), "ok", b"report %d" % number) for number in range(130)]
    assert numbers == sorted(set(numbers))
    first, second = store.runs.last(2)
    assert (first.started, first.outcome, first.report, second.started) == (129.0, "ok", b"report 129", 128.0)
    assert [run.started for run in store.runs.last(1000)] == [float(n) for n in range(129, 29, -1)]
    store.close()


def test_a_visit_marks_keys_as_used(store: DiskStore) -> None:
    for key in ("old", "new"):
        store.records.remember(Record(key, SCRATCH, 1.0), {})
    with store.database.write() as connection:
        connection.execute("UPDATE records SET last_used = 5")
    store.records.visit({"slot": "new"}, {})
    used = dict(store.database.all("SELECT key, last_used FROM records"))
    assert used["old"] == 5 and used["new"] > 1e9
    store.close()


def test_many_threads(store: DiskStore) -> None:
    """One store, one connection, any thread."""
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            state = SCRATCH
            for number in range(15):
                state = commit(store.layers, state, **{f"{name}{number}": name}).state
                commit(store.layers, SCRATCH, shared=str(number))
                store.records.remember(Record(f"{name}{number}", state, 1.0), {"a": name})
                store.blobs.put(b"shared %d" % number)
                assert len(store.layers.chain(state)) == number + 1
            assert len(store.layers.tree(state) or {}) == 15
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [] and store.verify(deep=True) == []
    store.close()
