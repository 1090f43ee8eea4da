"""COPY and ADD: the test vectors of reference/dockerfile.md §16.4 and the rules of §8.2 to §8.5."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from building import Builder, make_tree, scan
from msgspec.structs import replace

from bake.errors import StepError
from bake.plan.step import CopyAction, WrittenFile
from bake.plan.tree import SCRATCH, StateId
from bake.ports.task import BlobInput, FilesInput, StateInput, TreeInput

pytestmark = pytest.mark.anyio
T = 1_600_000_000


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = make_tree(tmp_path / "context", {"d/f": "F", "d/sub/g": "G", "a": "A", "b": "BB", "lnk": "-> d"}, T)
    for name, mode in (("d", 0o700), ("d/f", 0o644), ("d/sub", 0o750), ("d/sub/g", 0o644), ("a", 0o644)):
        (root / name).chmod(mode)
    return root


def action(source: str, dest: str, **more: object) -> CopyAction:
    return CopyAction(1, source, dest, **more)  # type: ignore[arg-type]


VECTORS = {
    "directory": (
        [action("/d", "/new")],
        {"new": "d 755 0:0", "new/f": "f 644 0:0", "new/sub": "d 750 0:0", "new/sub/g": "f 644 0:0"},
    ),
    "wildcard": (
        [action("/d/*", "/wc/")],
        {"wc": "d 755 0:0", "wc/f": "f 644 0:0", "wc/g": "f 644 0:0"},
    ),
    "exclude": ([action("/d", "/exc/", exclude=("sub",))], {"exc": "d 755 0:0", "exc/f": "f 644 0:0"}),
    "octal chmod": (
        [action("/d", "/cm", mode="640")],
        {"cm": "d 640 0:0", "cm/f": "f 640 0:0", "cm/sub": "d 640 0:0", "cm/sub/g": "f 640 0:0"},
    ),
    "symbolic chmod": (
        [action("/d", "/s", mode="u=rwX,go=")],
        {"s": "d 755 0:0", "s/f": "f 600 0:0", "s/sub": "d 700 0:0", "s/sub/g": "f 600 0:0"},
    ),
    "named owner": (
        [action("/d", "/x/deep/", owner="bob")],
        {
            "x": "d 755 1001:1002", "x/deep": "d 755 1001:1002", "x/deep/f": "f 644 1001:1002",
            "x/deep/sub": "d 750 1001:1002", "x/deep/sub/g": "f 644 1001:1002",
        },
    ),
    "number is both": ([action("/a", "/o", owner="55")], {"o": "f 644 55:55"}),
    "group by name": ([action("/a", "/o", owner="55:team")], {"o": "f 644 55:1003"}),
    "unknown owner": ([action("/a", "/o", owner="nosuchname")], {"o": "f 644 0:0"}),
    "later over earlier": ([action("/a", "/x"), action("/b", "/x")], {"x": "f 644 0:0"}),
    "link to directory": (
        [action("/lnk", "/q")],
        {"q": "d 755 0:0", "q/f": "f 644 0:0", "q/sub": "d 750 0:0", "q/sub/g": "f 644 0:0"},
    ),
    "link inside": ([action("/", "/all/", exclude=("d", "a", "b"))], {"all": "d 755 0:0", "all/lnk": "l 0:0 -> d"}),
    "parents": (
        [action("/d/./sub/g", "/p/", parents=True), action("/d/f", "/p/", parents=True)],
        {
            "p": "d 755 0:0", "p/d": "d 700 0:0", "p/d/f": "f 644 0:0",
            "p/sub": "d 750 0:0", "p/sub/g": "f 644 0:0",
        },
    ),
    "parents by wildcard": (
        [action("/**/g", "/p2/", parents=True)],
        {"p2": "d 755 0:0", "p2/d": "d 700 0:0", "p2/d/sub": "d 750 0:0", "p2/d/sub/g": "f 644 0:0"},
    ),
    "no match": ([action("/nothing*", "/n/")], {}),
    "file into directory": ([action("/a", "/y/")], {"y": "d 755 0:0", "y/a": "f 644 0:0"}),
}  # fmt: skip


@pytest.fixture
async def base(build: Builder, tmp_path: Path) -> StateId:
    files = {"etc/passwd": "root:x:0:0::/:/bin/sh\nbob:x:1001:1002::/:/bin/sh\n", "etc/group": "team:x:1003:\n"}
    layer = await build.copy(SCRATCH, make_tree(tmp_path / "base", {**files, "file": ""}), action("/", "/"))
    return layer.state


async def test_vectors(build: Builder, base: StateId, context: Path) -> None:
    for name, (actions, expected) in VECTORS.items():
        layer = await build.copy(base, context, *actions)
        assert build.listing(layer) == expected, name


async def test_times_are_the_sources(build: Builder, context: Path) -> None:
    os.utime(context / "d", ns=(5, 1_500_000_000_123_456_789))
    layer = await build.copy(SCRATCH, context, action("/d", "/new"), action("/a", "/deep/a"))
    listing = build.store.layers.listing(layer.state)
    times = {path: entry.mtime for path, entry in listing.items()}
    assert times["new"] == 1_500_000_000_123_456_789
    assert times["new/f"] == times["new/sub/g"] == times["deep/a"] == T * 10**9
    assert times["deep"] > T * 10**9
    fs = layer.directory / "fs"
    assert {path: (fs / path).lstat().st_mtime_ns for path in times} == times


async def test_the_root_of_nothing_is_a_directory(build: Builder, context: Path) -> None:
    for dest in ("/", "/./", "/.."):
        layer = await build.copy(SCRATCH, context, action("/a", dest))
        assert build.listing(layer) == {"a": "f 644 0:0"}, dest


async def test_bytes_are_the_last_ones(build: Builder, context: Path) -> None:
    layer = await build.copy(SCRATCH, context, action("/a", "/x"), action("/b", "/x"))
    assert build.read(layer, "x") == b"BB"


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([action("/d", "/file")], "cannot copy to non-directory: /file"),
        ([action("/b", "/file/x")], "mkdir /file: not a directory"),
        ([action("/d", "/t"), action("/tree", "/t")], "cannot replace to directory /t/sub with file"),
        ([action("/d", "/t"), action("/d", "/t/f/")], "mkdir /t/f: not a directory"),
        ([action("/missing", "/t")], '"/missing": not found'),
        ([action("/[a", "/t")], "syntax error in pattern '[a'"),
    ],
)
async def test_refusals(build: Builder, base: StateId, context: Path, actions: list[CopyAction], message: str) -> None:
    make_tree(context, {"tree/sub": "a file"})
    with pytest.raises(StepError) as caught:
        await build.copy(base, context, *actions)
    assert str(caught.value) == message
    assert not list((build.store.root / "tmp").glob("*/*/fs"))


async def test_destination_links_stay_inside(build: Builder, tmp_path: Path, context: Path) -> None:
    canary = tmp_path / "canary"
    canary.mkdir()
    links = {"out": f"-> {canary}", "up": "-> ../../../../../../etc", "loop": "-> loop", "etc/x": "", "real/": None}
    base = await build.copy(SCRATCH, make_tree(tmp_path / "b", {**links, "to": "-> /real"}), action("/", "/"))
    layer = await build.copy(base.state, context, action("/a", "/out/a"), action("/a", "/up/a"), action("/a", "/to/"))
    made = [path for path, text in build.listing(layer).items() if text.startswith("f")]
    assert made == ["etc/a", "real/a", f"{str(canary).strip('/')}/a"]
    assert list(canary.iterdir()) == []
    with pytest.raises(StepError, match="too many levels of symbolic links"):
        await build.copy(base.state, context, action("/a", "/loop/a"))


async def test_merging_into_existing_directories(build: Builder, context: Path) -> None:
    first = await build.copy(SCRATCH, context, action("/d", "/t", owner="7:8"))
    second = await build.copy(first.state, context, action("/d", "/t"))
    assert build.listing(second) == {
        "t": "d 755 7:8",
        "t/f": "f 644 0:0",
        "t/sub": "d 750 0:0",
        "t/sub/g": "f 644 0:0",
    }
    again = await build.copy(second.state, context, action("/d", "/t", parents=False))
    assert build.tree(again)["t"] == "d 755 7:8"


async def test_a_file_replaces_a_link(build: Builder, tmp_path: Path, context: Path) -> None:
    base = await build.copy(SCRATCH, make_tree(tmp_path / "b", {"t/f": "-> ../etc/passwd"}), action("/", "/"))
    layer = await build.copy(base.state, context, action("/d", "/t"))
    assert build.tree(layer)["t/f"] == "f 644 0:0"
    assert build.read(layer, "t/f") == b"F"


async def test_hard_links_inside_one_source_are_kept(build: Builder, context: Path) -> None:
    os.link(context / "d/f", context / "d/again")
    os.link(context / "d/f", context / "d/sub/third")
    layer = await build.copy(SCRATCH, context, action("/d", "/t"))
    assert build.listing(layer) == {
        "t": "d 755 0:0",
        "t/again": "f 644 0:0",
        "t/f": "f 644 0:0 = t/again",
        "t/sub": "d 750 0:0",
        "t/sub/g": "f 644 0:0",
        "t/sub/third": "f 644 0:0 = t/again",
    }
    assert layer.size == 2
    copied = await build.copy(SCRATCH, StateInput(layer.state), action("/t/sub", "/u"), action("/t", "/v"))
    assert [text for text in build.listing(copied).values() if "=" in text] == ["f 644 0:0 = v/again"] * 2


async def test_setuid_and_extended_attributes(build: Builder, context: Path) -> None:
    (context / "a").chmod(0o4755)
    tree = dict(scan(context))
    tree["a"] = replace(tree["a"], xattrs=(("user.note", b"\x00\xff"),))
    layer = await build.copy(SCRATCH, TreeInput(str(context), tree), action("/a", "/t", owner="5:6"))
    entry = build.store.layers.listing(layer.state)["t"]
    assert (entry.mode, entry.uid, entry.xattrs) == (0o4755, 5, (("user.note", b"\x00\xff"),))
    second = await build.copy(SCRATCH, StateInput(layer.state), action("/t", "/u"))
    assert os.getxattr(second.directory / "fs/u", "user.note") == b"\x00\xff"
    assert (second.directory / "fs/u").stat().st_mode & 0o7777 == 0o4755


async def test_other_kinds_of_sources(build: Builder, tmp_path: Path) -> None:
    files = FilesInput((WrittenFile("/run.sh", "echo hi\n", 0o755),))
    layer = await build.copy(SCRATCH, files, action("/run.sh", "/bin/"))
    assert build.listing(layer) == {"bin": "d 755 0:0", "bin/run.sh": "f 755 0:0"}
    assert build.read(layer, "bin/run.sh") == b"echo hi\n"
    (tmp_path / "blob").write_bytes(b"body")
    url = BlobInput(tmp_path / "blob", "file.txt", 1234.5)
    layer = await build.copy(SCRATCH, url, action("/file.txt", "/got/"))
    assert build.listing(layer)["got/file.txt"] == "f 600 0:0"
    assert build.store.layers.listing(layer.state)["got/file.txt"].mtime == 1_234_500_000_000


async def test_from_another_state_across_its_layers(build: Builder, context: Path, tmp_path: Path) -> None:
    first = await build.copy(SCRATCH, context, action("/", "/t"))
    more = make_tree(tmp_path / "more", {"d/f": "newer", "d/h": "H"})
    second = await build.copy(first.state, more, action("/", "/t"))
    layer = await build.copy(SCRATCH, StateInput(second.state), action("/t", "/u"))
    assert sorted(path for path, text in build.listing(layer).items() if text[0] == "f") == [
        "u/a", "u/b", "u/d/f", "u/d/h", "u/d/sub/g",
    ]  # fmt: skip
    assert build.read(layer, "u/d/f") == b"newer"
    assert build.read(layer, "u/d/sub/g") == b"G"


async def test_a_context_that_changes_is_noticed(build: Builder, context: Path, tmp_path: Path) -> None:
    tree = scan(context)
    (context / "a").write_text("longer than before")
    with pytest.raises(StepError, match="a changed while building"):
        await build.copy(SCRATCH, TreeInput(str(context), tree), action("/a", "/t"))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/f").write_text("F")
    (context / "d").rename(context / "old")
    (context / "d").symlink_to(tmp_path / "secret")
    with pytest.raises(StepError, match="d/f changed while building"):
        await build.copy(SCRATCH, TreeInput(str(context), tree), action("/d", "/t"))


async def test_a_context_whose_bytes_stay_has_not_changed(build: Builder, context: Path) -> None:
    """Whoever links a file, as package managers and backups do, or touches it, need not stop a build."""
    tree = scan(context)
    os.link(context / "a", context / "another")
    os.utime(context / "d/f", (T + 1, T + 1))
    (context / "copy").write_text("BB")
    (context / "copy").rename(context / "b")
    layer = await build.copy(SCRATCH, TreeInput(str(context), tree), action("/", "/t"))
    assert [build.read(layer, f"t/{name}") for name in ("a", "b", "d/f")] == [b"A", b"BB", b"F"]


async def test_other_bytes_of_the_same_size_and_time_are_a_change(build: Builder, context: Path) -> None:
    tree = scan(context)
    (context / "a").write_text("X")
    os.utime(context / "a", (T, T))
    with pytest.raises(StepError, match="a changed while building"):
        await build.copy(SCRATCH, TreeInput(str(context), tree), action("/a", "/t"))


async def test_equal_content_is_the_same_layer(build: Builder, context: Path) -> None:
    first = await build.copy(SCRATCH, context, action("/d", "/t"))
    os.utime(context / "d/f", (1, 1))
    second = await build.copy(SCRATCH, context, action("/d", "/t"))
    assert (second.state, second.directory) == (first.state, first.directory)
    assert list((build.store.root / "tmp").glob("*/*/*")) == []


async def test_workdir(build: Builder, base: StateId) -> None:
    layer = await build.mkdir(base, "/w/t", "bob")
    assert build.listing(layer) == {"w": "d 755 1001:1002", "w/t": "d 755 1001:1002"}
    same = await build.mkdir(layer.state, "/w/t", "root")
    assert build.listing(same) == {}
    with pytest.raises(StepError, match="mkdir /file: not a directory"):
        await build.mkdir(base, "/file/x")


async def test_a_linked_layer_lies_over_any_state(build: Builder, base: StateId, context: Path) -> None:
    alone = await build.copy(SCRATCH, context, action("/d", "/etc/"))
    merged = await build.link(base, alone.state)
    assert merged.directory == alone.directory
    assert {"etc/passwd", "etc/f"} < build.tree(merged).keys()
