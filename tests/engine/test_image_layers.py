"""Layers of base images: downloaded when needed, deletion marks, what archives leave out, damaged content."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import pytest
from building import Builder, make_tree
from tars import Member, directory, hard_link, member, symlink, tar

from bake.errors import RemoteError, StepError
from bake.oci.model import Descriptor
from bake.plan.step import CopyAction
from bake.plan.tree import StateId
from bake.ports.task import StateInput

pytestmark = pytest.mark.anyio
Image = Callable[..., StateId]


@pytest.fixture
def image(build: Builder, remote: dict[str, Path], tmp_path: Path) -> Image:
    """Registers an image of the given layers; their blobs are remote."""

    def make(*layers: Sequence[Member]) -> StateId:
        diff_ids, blobs = [], []
        for members in layers:
            plain = tar(members)
            blob = gzip.compress(plain, mtime=0)
            digest = "sha256:" + hashlib.sha256(blob).hexdigest()
            remote[digest] = tmp_path / f"remote-{digest[7:19]}"
            remote[digest].write_bytes(blob)
            diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
            media = "application/vnd.oci.image.layer.v1.tar+gzip"
            blobs.append(Descriptor(media, digest, len(blob)))  # type: ignore[arg-type]
        return build.store.layers.add_image(diff_ids, blobs, "library/x", 0.0)

    return make


async def ensured(build: Builder, state: StateId) -> dict[str, str]:
    await build.engine.ensure(state, build.say)
    return build.tree(build.store.layers.layer(state))


async def test_layers_with_deletions(build: Builder, image: Image) -> None:
    state = image(
        [directory("d"), member("d/a"), member("d/b"), directory("e"), member("e/f"), member("g"), directory("h")],
        [directory("d"), member("d/.wh.a"), member("e/.wh..wh..opq"), directory("e"), member("e/new"), member(".wh.g")],
        [member(".wh.h"), directory("h"), member("h/x"), directory("d"), member("d/a", b"back")],
    )
    assert await ensured(build, state) == {
        "d": "d 755 0:0", "d/a": "f 644 0:0", "d/b": "f 644 0:0", "e": "d 755 0:0", "e/new": "f 644 0:0",
        "h": "d 755 0:0", "h/x": "f 644 0:0",
    }  # fmt: skip
    second = build.store.layers.chain(state)[1].directory / "fs"
    assert stat.S_ISCHR((second / "g").lstat().st_mode) and (second / "g").lstat().st_rdev == 0
    name = "trusted.overlay.opaque" if os.geteuid() == 0 else "user.overlay.opaque"
    assert os.getxattr(second / "e", name) == b"y"
    third = build.store.layers.chain(state)[2].directory / "fs"
    assert os.getxattr(third / "h", name) == b"y"


async def test_the_kernel_sees_the_same(build: Builder, image: Image, tmp_path: Path) -> None:
    """COPY reads layers by itself; a RUN sees overlayfs. Both must agree, so here is a file by file comparison."""
    state = image(
        [directory("d"), member("d/a", b"1"), member("d/b", b"2"), directory("e"), member("e/f"), symlink("s", "d")],
        [member("d/.wh.a"), member("e/.wh..wh..opq"), member("e/new", b"3"), member(".wh.s"), directory("s")],
    )
    await build.engine.ensure(state, build.say)
    lowers = [str(layer.directory / "fs") for layer in reversed(build.store.layers.chain(state))]
    copied = await build.copy("scratch", StateInput(state), CopyAction(1, "/", "/"))  # type: ignore[arg-type]
    target = tmp_path / "merged"
    target.mkdir()
    from bake.engine.embedded.attributes import Ownership
    from bake.engine.embedded.overlay import mount_state
    from bake.engine.embedded.syscalls import unmount

    mount_state(str(target), lowers[::-1], (str(target), str(tmp_path)), Ownership("root"))
    try:
        seen = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}
        assert {p.name for p in target.iterdir()} == {"d", "e", "s"}
    finally:
        unmount(str(target))
    assert seen == {"d/b": b"2", "e/new": b"3"}
    fs = copied.directory / "fs"
    assert {p.relative_to(fs).as_posix(): p.read_bytes() for p in fs.rglob("*") if p.is_file()} == seen


async def test_directories_that_an_archive_lacks(build: Builder, image: Image) -> None:
    state = image(
        [
            directory("tmp", mode=0o1777),
            directory("own", mode=0o700, uid=5),
            directory("usr/lib"),
            symlink("lib", "usr/lib"),
        ],
        [member("tmp/x"), member("own/deep/y"), member("lib/z"), member("none/w"), member("lib/.wh.gone")],
    )
    found = await ensured(build, state)
    assert found == {
        "lib": "l 0:0 -> usr/lib",
        "none": "d 755 0:0", "none/w": "f 644 0:0",
        "own": "d 700 5:0", "own/deep": "d 755 0:0", "own/deep/y": "f 644 0:0",
        "tmp": "d 1777 0:0", "tmp/x": "f 644 0:0",
        "usr": "d 755 0:0", "usr/lib": "d 755 0:0", "usr/lib/z": "f 644 0:0",
    }  # fmt: skip
    top = build.store.layers.layer(state).directory / "fs"
    assert (top / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (top / "own").stat().st_uid == 5


async def test_hard_link_to_a_lower_layer(build: Builder, image: Image) -> None:
    state = image([member("a", b"A", mode=0o600)], [hard_link("b", "a")])
    assert await ensured(build, state) == {"a": "f 600 0:0", "b": "f 600 0:0 = a"}
    with pytest.raises(StepError, match="links to a file that does not exist"):
        await ensured(build, image([member("a")], [hard_link("b", "nowhere")]))
    assert list((build.store.root / "tmp").glob("*/*/*")) == []


async def test_only_what_is_missing_is_fetched(build: Builder, image: Image, remote: dict[str, Path]) -> None:
    first = image([member("a")])
    await build.engine.ensure(first, build.say)
    second = image([member("a")], [member("b")])
    remote.pop(build.store.layers.chain(second)[0].blobs[0].digest)  # it would fail if it were asked for
    build.lines.clear()
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(build.engine.ensure, second, build.say)
    assert len([line for _, line in build.lines if line.startswith("pulling")]) == 1


async def test_a_step_on_an_image_unpacks_it(build: Builder, image: Image, tmp_path: Path) -> None:
    state = image([member("etc/passwd", b"bob:x:7:8::/:/bin/sh\n")])
    layer = await build.copy(state, make_tree(tmp_path / "c", {"a": ""}), CopyAction(1, "/a", "/a", owner="bob"))
    assert build.listing(layer) == {"a": "f 644 7:8"}


async def test_damaged_layers(build: Builder, image: Image, remote: dict[str, Path]) -> None:
    state = image([member("a", b"x" * 2000)])
    (digest,) = remote
    remote[digest].write_bytes(gzip.compress(tar([member("b")])))
    with pytest.raises(RemoteError, match="holds something else"):
        await build.engine.ensure(state, build.say)
    build.store.blobs.path(digest).write_bytes(b"\x1f\x8b\x08 no gzip")
    with pytest.raises(StepError, match="cannot read the layer"):
        await build.engine.ensure(state, build.say)
    assert list((build.store.root / "tmp").glob("*/*/*")) == []


@pytest.mark.parametrize(
    "members", [[member("../x")], [member("a/.wh..", b"")], [symlink("s", "/"), member("s/.wh.etc")]]
)
async def test_hostile_marks(build: Builder, image: Image, members: list[Member]) -> None:
    before = set(Path("/").iterdir())
    try:
        await build.engine.ensure(image([directory("etc")], members), build.say)
    except StepError:
        pass
    assert set(Path("/").iterdir()) == before


async def test_an_images_layer_packed_another_way(build: Builder, image: Image) -> None:
    state = image([member("a", b"1" * 5000)])
    done = await build.engine.archive(state, "zstd", 3)
    assert [blob.media_type.rpartition("+")[2] for blob in done.blobs] == ["gzip", "zstd"]
    assert done.diff_id == build.store.layers.layer(state).diff_id
