"""Opening: what is made, what is refused and how it is said, and what it costs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from storing import commit

from bake.errors import Diagnostic, HostError
from bake.plan.tree import SCRATCH
from bake.ports.records import Record
from bake.ports.store import Store
from bake.store import open_store
from bake.store.schema import VERSION


def refused(path: Path) -> Diagnostic:
    with pytest.raises(HostError) as raised:
        open_store(path)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.hint, "a refusal says what to do"
    return diagnostic


def closed_store(path: Path) -> Path:
    open_store(path).close()
    return path


def test_the_layout(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a" / "b")
    root = tmp_path / "a" / "b"
    assert json.loads((root / "oci/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((root / "oci/index.json").read_bytes())["manifests"] == []
    state = commit(store.layers, a="1").state
    assert sorted(path.name for path in (root / "layers" / state).iterdir()) == ["fs", "listing"]
    digest = store.blobs.put(b"x")
    assert (root / "oci/blobs" / digest.replace(":", "/")).read_bytes() == b"x"
    store.close()


def test_only_its_user_may_look_inside(tmp_path: Path) -> None:
    root = closed_store(tmp_path / "store")
    for path in (root, root / "layers", root / "tmp", root / "locks", root / "oci"):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_relative_path_does_not_follow_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(Path("store"))
    monkeypatch.chdir("/")
    assert commit(store.layers, a="1").directory is not None and store.root == tmp_path / "store"
    store.close()


def test_missing_directories_are_made_again(tmp_path: Path) -> None:
    root = closed_store(tmp_path / "store")
    for name in ("tmp", "layers", "locks"):
        subprocess.run(["rm", "-r", str(root / name)], check=True)
    store = open_store(root)
    commit(store.layers, a="1")
    store.close()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    root = closed_store(tmp_path / "store")
    with sqlite3.connect(root / "index.db") as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert refused(root).code == "newer-store"


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    root = closed_store(tmp_path / "store")
    with sqlite3.connect(root / "index.db") as connection:
        connection.execute("PRAGMA application_id = 1")
    assert refused(root).code == "foreign-store"


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    root = closed_store(tmp_path / "store")
    (root / "index.db").write_bytes(b"not a database at all" * 1000)
    diagnostic = refused(root)
    assert diagnostic.code == "store-damaged" and f"mv {root} " in (diagnostic.hint or "")


def test_damage_met_later_is_an_error_too(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.files.remember_digests("/r", {f"{number}": ((1, 2, 3), "d" * 64) for number in range(5000)})
    store.close()
    data = (store.root / "index.db").read_bytes()
    half = len(data) // 2
    (store.root / "index.db").write_bytes(data[:half] + b"\xa5" * (len(data) - half))
    store = open_store(store.root)
    with pytest.raises(HostError, match="damaged"):
        store.files.digests("/r")
    with pytest.raises(HostError, match="damaged"):
        store.files.remember_digests("/r", {f"{number}": ((1,), "e") for number in range(5000)})
    store.database.close()


@pytest.mark.parametrize("path", ["/sys/bake-store", "/proc/bake-store", "/dev/null/bake-store"])
def test_where_nothing_can_be_made(path: str) -> None:
    with pytest.raises(HostError) as raised:
        open_store(Path(path))
    assert path.rpartition("/")[0] in raised.value.diagnostics[0].message


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    assert refused(tmp_path / "store").code == "store-not-writable"


def test_a_full_index(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    (pages,) = store.database.one("PRAGMA page_count") or (0,)
    store.database.one(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(HostError) as raised:
        for number in range(1000):
            store.records.remember(Record(f"{number}", SCRATCH, 1.0), {"a": "b" * 500})
    assert raised.value.diagnostics[0].code == "disk-full" and raised.value.diagnostics[0].hint
    assert number > 0 and store.records.lookup("0") is not None
    store.close()


FULL = """
import os, sys
from pathlib import Path
from bake.errors import HostError
from bake.store import open_store
from storing import commit
store, codes = open_store(Path("store")), []
def until_full(work):
    for number in range(100_000):
        try:
            work(number)
        except HostError as error:
            return codes.append(error.diagnostics[0].code)
until_full(lambda number: store.blobs.put(os.urandom(50_000)))
until_full(lambda number: store.files.remember_fact("url", str(number), os.urandom(5_000)))
until_full(lambda number: store.layers.scratch())
for blob in list(Path("store/oci/blobs/sha256").iterdir())[:20]: blob.unlink()
layer = commit(store.layers, a="1")
store.close()
store = open_store(Path("store"))
print(codes, store.verify(deep=True), store.layers.layer(layer.state) is not None)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """A small file system of its own: every work is refused in words, and goes on once there is space."""
    script = f'mount -t tmpfs -o size=2m,nr_inodes=200 none "{tmp_path}" && cd "{tmp_path}" && exec "$@"'
    support = str(Path(__file__).parents[1] / "support")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", sys.executable, "-c", FULL],
        env={"PYTHONPATH": f"{support}:{Path(__file__).parents[2]}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "['disk-full', 'disk-full', 'disk-full'] [] True", done.stderr


def test_what_is_imported() -> None:
    code = "import sys; from bake.store import open_store; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"asyncio", "anyio", "json", "tarfile", "networkx", "urllib3", "subprocess", "tempfile", "rich", "click"}
    assert not heavy & set(done.stdout.split())


def _statements(store: Store, work: Callable[[], object]) -> list[str]:
    said: list[str] = []
    connection = store.database._connection  # type: ignore[attr-defined]
    connection.set_trace_callback(said.append)
    work()
    connection.set_trace_callback(None)
    return said


def test_looking_up_is_one_query_and_a_run_without_news_writes_nothing(tmp_path: Path) -> None:
    """What the speed of a run with nothing to do rests on; no clock is asked."""
    store = open_store(tmp_path / "store")
    slots = {f"slot{number}": f"key{number}" for number in range(50)}
    state = commit(store.layers, a="1").state
    for key in slots.values():
        store.records.remember(Record(key, state, 1.0), {"a": "b"})
    store.records.visit(slots, {})
    for number in range(20):
        state = commit(store.layers, state, **{f"f{number}": "1"}).state
    assert len(_statements(store, lambda: store.records.lookup("key1"))) == 1
    assert len(_statements(store, lambda: store.layers.chain(state))) == 2  # the version, and the whole chain
    assert len(_statements(store, lambda: store.layers.chain(state))) == 1
    before = store.database._connection.total_changes
    store.records.visit(slots, {})
    assert store.database._connection.total_changes == before
    store.close()
