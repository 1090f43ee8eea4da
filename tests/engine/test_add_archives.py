"""ADD of archives: BuildKit's vectors, every compression, and what must be refused."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from building import Builder, make_tree
from tars import COMPRESSIONS, directory, hard_link, member, symlink, tar

from bake.errors import StepError
from bake.plan.step import CopyAction
from bake.plan.tree import SCRATCH, StateId
from bake.ports.layers import Layer

pytestmark = pytest.mark.anyio
Members = Sequence[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
async def add(build: Builder, tmp_path: Path):  # type: ignore[no-untyped-def]
    async def run(members: Members | bytes, dest: str = "/out", parent: StateId = SCRATCH, **more: object) -> Layer:
        data = members if isinstance(members, bytes) else tar(members)
        (tmp_path / "context").mkdir(exist_ok=True)
        (tmp_path / "context/t.tgz").write_bytes(data)
        given = {"unpack": True, **more}
        return await build.copy(parent, tmp_path / "context", CopyAction(1, "/t.tgz", dest, **given))  # type: ignore[arg-type]

    return run


OWNED: Members = [directory("d", mode=0o700, uid=5, gid=6), member("d/f", b"F", uid=5, gid=6, mode=0o4711)]


async def test_vectors(build: Builder, add) -> None:  # type: ignore[no-untyped-def]
    layer = await add(OWNED)
    assert build.listing(layer) == {"out": "d 755 0:0", "out/d": "d 700 5:6", "out/d/f": "f 4711 5:6"}
    owned = await add(OWNED, owner="7:8", mode="600")
    assert build.listing(owned) == {"out": "d 755 7:8", "out/d": "d 700 7:8", "out/d/f": "f 4711 7:8"}
    raw = await add(OWNED, "/raw/", unpack=False)
    assert build.listing(raw) == {"raw": "d 755 0:0", "raw/t.tgz": "f 644 0:0"}


@pytest.mark.parametrize("name", COMPRESSIONS)
async def test_compressions(build: Builder, add, name: str) -> None:  # type: ignore[no-untyped-def]
    layer = await add(COMPRESSIONS[name](tar([*OWNED, member("big", bytes(300_000))])))
    assert set(build.listing(layer)) == {"out", "out/d", "out/d/f", "out/big"}
    assert build.read(layer, "out/big") == bytes(300_000)


@pytest.mark.parametrize("data", [b"", b"just text", bytes(2048), b"\x1f\x8b\x08broken", b"PK\x03\x04zip"])
async def test_no_archive_is_a_file(build: Builder, add, data: bytes) -> None:  # type: ignore[no-untyped-def]
    layer = await add(data)
    assert build.listing(layer) == {"out": "f 644 0:0"}
    assert build.read(layer, "out") == data


async def test_everything_an_archive_may_hold(build: Builder, add) -> None:  # type: ignore[no-untyped-def]
    members = [
        directory("./", mode=0o711, uid=9),
        member("./a/b/implied", b"x"),
        symlink("link", "../../etc/passwd"),
        hard_link("again", "a/b/implied"),
        member("pipe", kind=tarfile.FIFOTYPE),
        member("zero", kind=tarfile.CHRTYPE, devmajor=1, devminor=5, mode=0o666),
        member("x" * 200, b"long"),
        member("na\udcffme", b"not utf-8"),
        member("note", b"", pax_headers={"SCHILY.xattr.user.a": "\udc00\udcff".replace("\udc00", "\x01")}),
        member("when", b"", pax_headers={"mtime": "1500000000.123456789"}),
    ]
    layer = await add(members)
    assert build.listing(layer) == {
        "out": "d 755 0:0",
        "out/a": "d 755 0:0",
        "out/a/b": "d 755 0:0",
        "out/a/b/implied": "f 644 0:0",
        "out/again": "f 644 0:0 = out/a/b/implied",
        "out/link": "l 0:0 -> ../../etc/passwd",
        "out/pipe": "p 644 0:0",
        "out/zero": "c 666 0:0",
        "out/note": "f 644 0:0",
        "out/when": "f 644 0:0",
        "out/na\udcffme": "f 644 0:0",
        f"out/{'x' * 200}": "f 644 0:0",
    }
    listing = build.store.layers.listing(layer.state)
    assert listing["out/note"].xattrs == (("user.a", b"\x01\xff"),)
    assert listing["out/when"].mtime == 1_500_000_000_123_456_789
    assert (layer.directory / "fs/out/when").stat().st_mtime_ns == 1_500_000_000_123_456_789


async def test_later_members_replace_earlier_ones(build: Builder, add) -> None:  # type: ignore[no-untyped-def]
    layer = await add(
        [
            directory("a"), member("a/x", b"1"), member("a/x", b"2"),
            directory("b"), member("b/deep/f"), symlink("b", "a"), member("b/through", b"3"),
            symlink("c", "a"), directory("c"), member("c/own", b"4"),
            member("d", b"file"), directory("d"), member("d/f", b"5"),
        ]
    )  # fmt: skip
    assert build.listing(layer) == {
        "out": "d 755 0:0",
        "out/a": "d 755 0:0", "out/a/through": "f 644 0:0", "out/a/x": "f 644 0:0",
        "out/b": "l 0:0 -> a",
        "out/c": "d 755 0:0", "out/c/own": "f 644 0:0",
        "out/d": "d 755 0:0", "out/d/f": "f 644 0:0",
    }  # fmt: skip
    assert build.read(layer, "out/a/x") == b"2"


async def test_over_a_lower_state(build: Builder, add, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = {"usr/lib/old": "old", "lib": "-> usr/lib", "dir/below/f": "", "plain": "", "made": "-> usr"}
    base = await build.copy(SCRATCH, make_tree(tmp_path / "b", files), CopyAction(1, "/", "/"))
    members = [
        member("lib/new", b"n"),  # through the lower link
        hard_link("linked", "usr/lib/old"),  # to a lower file: copied up
        member("dir", b"now a file"),
        directory("plain"),
        directory("made"),  # a directory takes the link's place
        member("made/x", b""),
    ]
    layer = await add(members, "/", base.state)
    assert build.listing(layer) == {
        "dir": "f 644 0:0",
        "linked": "f 644 0:0",
        "made": "d 755 0:0",
        "made/x": "f 644 0:0",
        "plain": "d 755 0:0",
        "usr": "d 755 0:0",
        "usr/lib": "d 755 0:0",
        "usr/lib/new": "f 644 0:0",
        "usr/lib/old": "f 644 0:0 = linked",
    }
    assert not [path for path in build.tree(layer) if path.startswith("dir/")]


async def test_a_directory_that_was_a_file_hides_the_lower_one(build: Builder, add, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    base = await build.copy(SCRATCH, make_tree(tmp_path / "b", {"d/lower": ""}), CopyAction(1, "/", "/"))
    layer = await add([member("d", b""), directory("d"), member("d/own", b"")], "/", base.state)
    assert build.listing(layer) == {"d": "d 755 0:0 opaque", "d/own": "f 644 0:0"}
    assert set(build.tree(layer)) == {"d", "d/own"}
    name = "trusted.overlay.opaque" if os.geteuid() == 0 else "user.overlay.opaque"
    assert os.getxattr(layer.directory / "fs/d", name) == b"y"


HOSTILE: dict[str, tuple[Members, str]] = {
    "absolute": ([member("/etc/canary", b"!")], "is absolute"),
    "dots": ([member("../canary", b"!")], r"holds \.\."),
    "dots inside": ([member("a/../../canary", b"!")], r"holds \.\."),
    "link then file": ([symlink("s", "CANARY"), member("s/canary/x", b"!")], ""),
    "relative link then file": (
        [symlink("s", "../../../../../../../../tmp"), member("s/canary/x", b"!")],
        "leads out of the destination",
    ),
    "link to a directory of the archive": ([directory("d"), symlink("s", "/d"), member("s/new/x", b"!")], ""),
    "link to a link": (
        [symlink("a", "."), symlink("a/b", ".."), symlink("a/b/c", ".."), member("c/x", b"!")],
        "leads out of the destination",
    ),
    "hard link out": ([hard_link("h", "../../canary")], r"holds \.\."),
    "hard link absolute": ([hard_link("h", "/etc/passwd")], "is absolute"),
    "hard link through link": ([symlink("s", "/etc"), hard_link("h", "s/passwd")], "is no file of the archive"),
    "hard link to a link": ([symlink("s", "/etc/passwd"), hard_link("h", "s"), member("h", b"!")], ""),
    "hard link to a directory": ([directory("d"), hard_link("h", "d")], "is no file of the archive"),
    "hard link over its own parent": ([member("d/f", b""), hard_link("d", "d/f")], "is no file of the archive"),
    "whiteout device": ([member("w", kind=tarfile.CHRTYPE, devmajor=0, devminor=0)], "is a device 0:0"),
    "file as parent": ([member("f", b""), member("f/x", b"")], "the archive holds paths below it"),
    "link loop": ([symlink("l", "l"), member("l/x", b"")], "too many levels of symbolic links"),
    "overlay xattr": ([directory("d", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y"})], ""),
    "long component": ([member("n" * 300, b"")], "is no possible path"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_archives(build: Builder, add, tmp_path: Path, name: str) -> None:  # type: ignore[no-untyped-def]
    canary = tmp_path / "canary"
    canary.mkdir()
    (canary / "kept").write_text("kept")
    members, refusal = HOSTILE[name]
    for info, _ in members:
        info.linkname = info.linkname.replace("CANARY", str(tmp_path))
    before = Path("/etc/passwd").stat()
    try:
        layer = await add(members)
        assert not refusal
        assert all(os.path.realpath(layer.directory / "fs" / path).startswith("/") for path in build.listing(layer))
        xattrs = [entry.xattrs for entry in build.store.layers.listing(layer.state).values()]
        assert not any(xattrs)
    except StepError as error:
        assert refusal, error
        import re

        assert re.search(refusal, str(error)), error
    assert [path.name for path in canary.iterdir()] == ["kept"]
    assert (canary / "kept").stat().st_nlink == 1
    assert Path("/etc/passwd").stat().st_nlink == before.st_nlink
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary", "context", "store"]
    assert not list((build.store.root / "tmp").glob("*/*/fs"))


async def test_truncated_archives_are_told(add) -> None:  # type: ignore[no-untyped-def]
    data = tar([member("a", b"1" * 5000), member("b", b"2" * 5000)])
    with pytest.raises(StepError, match="archive"):
        await add(data[:8000])
    with pytest.raises(StepError, match="archive"):
        await add(COMPRESSIONS["xz"](data)[:-40] + bytes(40))
