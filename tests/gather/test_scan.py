"""Contexts as trees: what is ignored, what is hashed, and when a digest is trusted."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from bake.errors import InputError
from bake.gather import scan as module
from bake.gather.scan import read_texts, scan
from bake.plan.step import CopyAction, LocalOp
from bake.store import open_store

EVERYTHING = CopyAction(1, "/", "/")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "src/deep").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "src/b.txt").write_text("b")
    (root / "src/deep/c.txt").write_text("c")
    (root / "link").symlink_to("src/b.txt")
    (root / "a.txt").chmod(0o640)
    return root


def scanned(context: Path, store: Path, *actions: CopyAction, ignore: tuple[str, ...] = ()) -> Mapping[str, object]:
    opened = open_store(store)
    try:
        return scan(LocalOp(str(context), ignore), actions or (EVERYTHING,), opened.files)
    finally:
        opened.close()


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that are read from now on."""
    read: list[str] = []
    real = module._hash

    def noted(path: str) -> str:
        read.append(path)
        return real(path)

    monkeypatch.setattr(module, "_hash", noted)
    return read


def test_a_tree_has_modes_links_and_digests(context: Path, tmp_path: Path) -> None:
    tree = scanned(context, tmp_path / "store")
    assert list(tree) == ["a.txt", "link", "src", "src/b.txt", "src/deep", "src/deep/c.txt"]
    a, link = tree["a.txt"], tree["link"]
    assert (a.kind, a.mode, a.uid, a.digest) == ("f", 0o640, 0, sha256(b"a").hexdigest())
    assert (link.kind, link.link) == ("l", "src/b.txt")


def test_only_what_is_read_is_hashed(context: Path, tmp_path: Path) -> None:
    tree = scanned(context, tmp_path / "store", CopyAction(1, "/link", "/x"))
    assert [path for path, entry in tree.items() if entry.digest] == ["src/b.txt"]


def test_ignored_files_are_not_there_but_reincluded_ones_bring_their_parents(context: Path, tmp_path: Path) -> None:
    tree = scanned(context, tmp_path / "store", ignore=("*", "!src/deep/c.txt"))
    assert list(tree) == ["src", "src/deep", "src/deep/c.txt"]


def test_unchanged_files_are_read_once_and_touched_ones_again(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = time.time() - 100
    for path in context.rglob("*.txt"):
        os.utime(path, (old, old))
    first = scanned(context, tmp_path / "store")
    read = hashed(monkeypatch)
    assert scanned(context, tmp_path / "store") == first
    assert read == []
    (context / "a.txt").touch()
    scanned(context, tmp_path / "store")
    assert read == [str(context / "a.txt")]


def test_what_is_written_at_the_time_of_the_scan_is_read_once(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = hashed(monkeypatch)
    (context / "a.txt").write_text("x")
    first = scanned(context, tmp_path / "store")
    assert scanned(context, tmp_path / "store") == first
    assert sorted(read) == sorted(str(path) for path in context.rglob("*.txt"))


def test_what_changes_within_a_tick_of_the_clock_is_seen(context: Path, tmp_path: Path) -> None:
    """Times that tell nothing of the second change: the same tick, and the same size."""
    for number in range(10):
        (context / "a.txt").write_text("x")
        scanned(context, tmp_path / "store", CopyAction(1, "/a.txt", "/"))
        (context / "a.txt").write_text("y")
        tree = scanned(context, tmp_path / "store", CopyAction(1, "/a.txt", "/"))
        assert tree["a.txt"].digest == sha256(b"y").hexdigest(), number


def test_what_is_dated_in_the_future_is_read_once_but_not_when_the_clock_was_set_back(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(context / "a.txt", (time.time() + 1e6, time.time() + 1e6))
    scanned(context, tmp_path / "store")
    read = hashed(monkeypatch)
    scanned(context, tmp_path / "store")
    assert read == []
    (context / "a.txt").touch()
    before = time.time_ns() - 10**12
    monkeypatch.setattr(module.time, "time_ns", lambda: before)
    scanned(context, tmp_path / "store")
    scanned(context, tmp_path / "store")
    assert read == [str(context / "a.txt")] * 2


def test_a_missing_context_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a directory"):
        scanned(tmp_path / "nowhere", tmp_path / "store")


def test_texts_are_read_or_absent_or_refused(tmp_path: Path) -> None:
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfhi\r\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert read_texts([str(tmp_path / "bom"), str(tmp_path / "none"), str(tmp_path)]) == {
        str(tmp_path / "bom"): "hi\r\n", str(tmp_path / "none"): None, str(tmp_path): None,
    }  # fmt: skip
    with pytest.raises(InputError, match="not UTF-8"):
        read_texts([str(tmp_path / "binary")])
