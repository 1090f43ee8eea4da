"""Archives of layers: readable by tarfile and GNU tar, canonical, and the same whatever compression is around them."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from building import Builder, make_tree
from hypothesis import given
from hypothesis import strategies as st
from tars import directory, hard_link, member, symlink, tar

from bake.engine.embedded.tar_header import END, header, padding
from bake.errors import HostError
from bake.plan.step import CopyAction
from bake.plan.tree import SCRATCH, Entry
from bake.ports.layers import Layer

anyio_test = pytest.mark.anyio

_BYTES = st.binary(min_size=1, max_size=40).map(lambda b: b.replace(b"/", b"_").replace(b"\0", b"_"))
_NAMES = st.lists(_BYTES, min_size=1, max_size=9).map(b"/".join)
_NUMBERS = st.one_of(st.integers(0, 4096), st.integers(0, 2**32 - 2))
_XATTRS = st.dictionaries(
    st.text("abc.", min_size=1, max_size=8), st.binary(max_size=20), max_size=2
).map(lambda found: tuple(sorted(("user." + name, value) for name, value in found.items())))  # fmt: skip


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind = draw(st.sampled_from("fdlcbp"))
    return Entry(
        kind,
        draw(st.integers(0, 0o7777)),
        draw(_NUMBERS),
        draw(_NUMBERS),
        size=draw(st.integers(0, 3000)) if kind == "f" else 0,
        link=draw(st.binary(min_size=1, max_size=200)).replace(b"\0", b"_").decode("utf-8", "surrogateescape")
        if kind == "l"
        else "",
        device=draw(st.sampled_from([0x103, 0xFE05])) if kind in "cb" else 0,
        xattrs=draw(_XATTRS),
        mtime=draw(st.integers(0, 2**34)) * 10**9 + 7,
    )


@given(st.lists(st.tuples(_NAMES, entries()), max_size=5))
def test_tarfile_reads_what_we_write(members: list[tuple[bytes, Entry]]) -> None:
    data = b"".join(header(name, e) + bytes(e.size) + padding(e.size) for name, e in members) + END
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as archive:
        found = archive.getmembers()
    assert len(found) == len(members)
    for info, (name, entry) in zip(found, members, strict=True):
        assert info.name.encode("utf-8", "surrogateescape") == name.rstrip(b"/")
        assert (info.mode, info.uid, info.gid, info.size) == (entry.mode, entry.uid, entry.gid, entry.size)
        assert int(info.mtime) == entry.mtime // 10**9
        assert info.linkname == entry.link
        kinds = {"f": info.isreg, "d": info.isdir, "l": info.issym, "c": info.ischr, "b": info.isblk, "p": info.isfifo}
        assert kinds[entry.kind]()
        xattrs = {k[13:]: v.encode("utf-8", "surrogateescape") for k, v in info.pax_headers.items() if "SCHILY" in k}
        assert tuple(sorted(xattrs.items())) == entry.xattrs


@pytest.fixture
async def layer(build: Builder, tmp_path: Path) -> Layer:
    members = [
        directory("d", mode=0o1777, uid=3), member("d/f", b"1" * 70_000), hard_link("d/g", "d/f"),
        symlink("l", "d/f"),
        member("n" * 120, b"long name"), member("/".join(["p" * 60] * 5), b"long path"),
        member("owner", b"", uid=3_000_000, gid=2**31), member("na\udcffme", b""),
        member("pipe", kind=tarfile.FIFOTYPE), member("x", b"", pax_headers={"SCHILY.xattr.user.a": "\udcff"}),
    ]  # fmt: skip
    (tmp_path / "c").mkdir()
    (tmp_path / "c/t.tar").write_bytes(tar(members))
    return await build.copy(SCRATCH, tmp_path / "c", CopyAction(1, "/t.tar", "/", unpack=True))


@anyio_test
async def test_gnu_tar_finds_no_difference(build: Builder, layer: Layer) -> None:
    done = await build.engine.archive(layer.state, "none", 0)
    blob = build.store.blobs.path(done.blobs[0].digest)
    compared = subprocess.run(
        ["tar", "--numeric-owner", "-df", blob, "-C", str(layer.directory / "fs")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (compared.returncode, compared.stdout + compared.stderr) == (0, "")
    assert done.blobs[0].digest == done.diff_id


@anyio_test
@pytest.mark.parametrize(("compression", "media"), [("gzip", "tar+gzip"), ("zstd", "tar+zstd"), ("none", "v1.tar")])
async def test_blobs_of_every_compression(build: Builder, layer: Layer, compression: str, media: str) -> None:
    import zstandard

    done = await build.engine.archive(layer.state, compression, 1)
    blob = done.blobs[0]
    data = build.store.blobs.path(blob.digest).read_bytes()
    assert blob.media_type.endswith(media)
    assert (len(data), "sha256:" + hashlib.sha256(data).hexdigest()) == (blob.size, blob.digest)
    opener = {"gzip": gzip.decompress, "none": bytes, "zstd": zstandard.ZstdDecompressor().decompressobj().decompress}
    plain = opener[compression](data)
    assert "sha256:" + hashlib.sha256(plain).hexdigest() == done.diff_id
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        names = archive.getnames()
    assert names == sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape").replace(b"/", b"\0"))


@anyio_test
async def test_the_same_tree_is_the_same_archive(build: Builder, tmp_path: Path) -> None:
    found = set()
    for number in range(2):
        root = make_tree(tmp_path / f"c{number}", {"a/b": "1", "a/c": "-> b"})
        made = await build.copy(SCRATCH, root, CopyAction(1, f"/{'.' if number else ''}", "/"))
        done = await build.engine.archive(made.state, "gzip", 1)
        found.add((done.diff_id, done.blobs[0].digest))
    assert len(found) == 1


@anyio_test
async def test_a_layer_damaged_on_disk_is_refused(build: Builder, layer: Layer) -> None:
    (layer.directory / "fs/d/f").write_bytes(b"shorter")
    with pytest.raises(HostError, match="damaged"):
        await build.engine.archive(layer.state, "gzip", 1)
    assert not list((build.store.root / "tmp").glob("*/*/blob"))
