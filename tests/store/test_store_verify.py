"""Damage of every kind is found and named; repairing forgets it, and the store is of use again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest
from storing import blob_of, commit, diff_id, unpack

from bake.plan.listing import encode
from bake.plan.tree import SCRATCH
from bake.store import DiskStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    """Two layers, an unpacked image layer, a blob."""
    store = open_store(tmp_path / "store")
    base = commit(store.layers, a="one", b="two")
    top = commit(store.layers, base.state, c="three")
    store.layers.alias(base.state, commit(store.layers, SCRATCH, linked="4").state)
    image = store.layers.add_image([diff_id("i")], [blob_of(b"i")], "h/r", 1.0)
    unpack(store.layers, image, i="image")
    store.layers.archived(top.state, diff_id("top"), blob_of(b"top"))
    store.blobs.put(b"top")
    return store


def base(store: DiskStore) -> Path:
    return _holding(store, "a")


def image(store: DiskStore) -> Path:
    return _holding(store, "i")


def _holding(store: DiskStore, name: str) -> Path:
    return next(path for path in (store.root / "layers").iterdir() if (path / "fs" / name).exists())


def _lose_blob(store: DiskStore) -> None:
    (blob,) = (store.root / "oci/blobs/sha256").iterdir()
    blob.write_bytes(b"tip")


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


Damage = Callable[[DiskStore], object]
SHALLOW: dict[str, tuple[str, Damage]] = {
    "no directory": ("missing-layer", lambda s: rmtree(base(s))),
    "no files": ("damaged-layer", lambda s: rmtree(base(s) / "fs")),
    "no listing": ("damaged-layer", lambda s: (base(s) / "listing").unlink()),
    "broken listing": ("damaged-layer", lambda s: (base(s) / "listing").write_bytes(b"\x93junk")),
    "other listing": ("damaged-layer", lambda s: (base(s) / "listing").write_bytes(encode({}))),
    "image without listing": ("damaged-layer", lambda s: (image(s) / "listing").unlink()),
    "directory of nobody": ("orphan-layer", lambda s: (s.root / "layers" / "nobody").mkdir()),
    "file among blobs": ("damaged-blob", lambda s: (s.root / "oci/blobs/sha256/readme").touch()),
}
DEEP: dict[str, tuple[str, Damage]] = {
    "other bytes": ("damaged-layer", lambda s: (base(s) / "fs/a").write_text("eno")),
    "fewer bytes": ("damaged-layer", lambda s: (base(s) / "fs/a").write_text("")),
    "no file": ("damaged-layer", lambda s: (base(s) / "fs/a").unlink()),
    "another kind": ("damaged-layer", lambda s: _make_directory(base(s) / "fs/a")),
    "other image bytes": ("damaged-layer", lambda s: (image(s) / "fs/i").write_text("egami")),
    "other blob": ("damaged-blob", _lose_blob),
}


def test_a_sound_store(store: DiskStore) -> None:
    assert store.verify() == [] == store.verify(deep=True)
    store.close()


@pytest.mark.parametrize(("code", "damage"), SHALLOW.values(), ids=SHALLOW)
def test_damage_of_the_layout(store: DiskStore, code: str, damage: Damage) -> None:
    damage(store)
    _found_and_repaired(store, code, deep=False)


@pytest.mark.parametrize(("code", "damage"), DEEP.values(), ids=DEEP)
def test_damage_of_contents(store: DiskStore, code: str, damage: Damage) -> None:
    damage(store)
    assert store.verify() == []
    _found_and_repaired(store, code, deep=True)


def _found_and_repaired(store: DiskStore, code: str, deep: bool) -> None:
    found = store.verify(deep=deep)
    assert {diagnostic.code for diagnostic in found} == {code}
    assert all(diagnostic.hint for diagnostic in found)
    assert {diagnostic.code for diagnostic in store.repair()} == {code}
    assert store.verify(deep=True) == []
    layer = commit(store.layers, a="one", b="two")
    assert layer.directory is not None and (layer.directory / "fs/a").read_text() == "one"
    assert store.verify(deep=True) == []
    store.close()


def test_usage_counts_shared_layers_once(store: DiskStore) -> None:
    rows = store.usage()
    assert sorted(row.size for row in rows if row.kind == "layer") == [1, 5, 5, 6]
    assert [(row.name, row.size) for row in rows if row.kind == "blob"] == [(blob_of(b"top").digest, 3)]
    assert sum(row.size for row in rows if row.kind == "index") > 0
    (store.layers.scratch() / "file").write_bytes(b"x" * 1000)
    assert [row.size for row in store.usage() if row.kind == "tmp"] == [1000]
    (store.root / "caches" / "c" / "0").mkdir(parents=True)
    (store.root / "caches" / "c" / "0" / "file").write_bytes(b"xx")
    assert [(row.name, row.size) for row in store.usage() if row.kind == "cache"] == [("c", 2)]
    store.close()
