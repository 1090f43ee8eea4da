"""Base images of a stranger, built on for real: refused or confined, and nothing outside of the store is touched.

Each comes as an OCI layout. A tree of canaries lies beside the store; links and names in the images point at it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from projects import BUSYBOX, Project
from tars import Member, directory, hard_link, member, symlink, tar

from bake.engine.embedded import compressed
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.unpack import unpack_into
from bake.errors import StepError

ROOT = [directory("bin"), member("bin/busybox", BUSYBOX.read_bytes(), mode=0o755), symlink("bin/sh", "busybox")]
OUT = "CANARY"
"""Stands for the absolute path of the canaries."""
REFUSED: dict[str, tuple[list[Member], str]] = {
    "dots": ([member("../../../../canary/new", b"!")], r"holds \.\."),
    "dots-inside": ([member("bin/../../canary/new", b"!")], r"holds \.\."),
    "absolute": ([member(f"/{OUT}/new", b"!")], "is absolute"),
    "hard-link-out": ([hard_link("h", f"../../..{OUT}/kept")], r"holds \.\."),
    "hard-link-absolute": ([hard_link("h", f"{OUT}/kept")], "is absolute"),
    "whiteout-of-dots": ([member("bin/.wh...", b"")], "deletes no name"),
    "whiteout-of-a-path-with-dots": ([member("bin/../.wh.x", b"")], r"holds \.\."),
    "whiteout-device": ([member("w", kind=tarfile.CHRTYPE, devmajor=0, devminor=0)], "is a device 0:0"),
    "link-loop": ([symlink("l", "l"), member("l/x", b"")], "too many levels of symbolic links"),
    "long-component": ([member("n" * 300, b"")], "is no possible path"),
    "very-deep": ([member("/".join("d" * 100 for _ in range(60)), b"")], "is no possible path"),
    "no-hard-link-target": ([hard_link("h", "nowhere")], "links to a file that does not exist"),
}
CONFINED: dict[str, list[Member]] = {
    "file-through-a-link": [symlink("out", OUT), member("out/new", b"!")],
    "file-through-a-relative-link": [symlink("out", "../../../../../../canary"), member("out/new", b"!")],
    "whiteout-through-a-link": [symlink("out", OUT), member("out/.wh.kept", b"")],
    "opaque-through-a-link": [symlink("out", OUT), member("out/.wh..wh..opq", b"")],
    "hard-link-to-a-link": [symlink("s", f"{OUT}/kept"), hard_link("h", "s"), member("h", b"!")],
    "duplicates": [
        member("f", b"1"),
        symlink("f", f"{OUT}/kept"),
        member("f", b"2"),
        directory("f"),
        member("f/x", b"3"),
    ],
    "etc-is-a-link-out": [symlink("etc", OUT)],
    "hosts-is-a-link-out": [
        directory("etc"),
        symlink("etc/hosts", f"{OUT}/kept"),
        symlink("etc/resolv.conf", f"{OUT}/kept"),
    ],
    "passwd-is-a-link-out": [
        directory("etc"),
        symlink("etc/passwd", f"{OUT}/passwd"),
        symlink("etc/group", f"{OUT}/passwd"),
    ],
    "proc-sys-dev-are-links-out": [symlink(name, OUT) for name in ("proc", "sys", "dev")],
    "run-is-a-link-out": [symlink("run", OUT)],
    "workdir-is-a-link-out": [symlink("work", OUT)],
    "overlay-marks": [
        directory("d", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc"}),
        member("d/x", b""),
    ],
    "fifo-and-socket-names": [member("p", kind=tarfile.FIFOTYPE), member("p2", b"", kind=tarfile.FIFOTYPE)],
}


class World:
    """Canaries, a project and its store, all in one directory."""

    def __init__(self, directory: Path) -> None:
        self.canary = directory / "canary"
        (self.canary / "deep").mkdir(parents=True)
        (self.canary / "kept").write_text("kept")
        (self.canary / "passwd").write_text("root:x:0:0::/:/bin/sh\nmallory:x:4242:4242::/:/bin/sh\n")
        self.project = Project(directory)
        self.before = self.state()

    def state(self) -> object:
        """Everything about the canaries but when they were read."""
        rows = sorted(path for path in [self.canary, *self.canary.rglob("*")])
        found = []
        for path in rows:
            info = path.lstat()
            text = path.read_text() if path.is_file() else ""
            found.append(
                (str(path), info.st_mode, info.st_uid, info.st_nlink, info.st_mtime_ns, info.st_ctime_ns, text)
            )
        return found

    def layout(self, name: str, *layers: Sequence[Member]) -> None:
        place = self.project.root / name
        (place / "blobs/sha256").mkdir(parents=True)
        diff_ids, rows = [], []
        for members in layers:
            for info, _ in members:
                info.linkname = info.linkname.replace(OUT, str(self.canary))
                info.name = info.name.replace(OUT, str(self.canary).lstrip("/"))
            plain = tar(members)
            diff_ids.append(f"sha256:{hashlib.sha256(plain).hexdigest()}")
            rows.append(
                self._blob(place, gzip.compress(plain, 1, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip")
            )
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        document["architecture"] = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        config = self._blob(place, json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
        kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": rows}
        index = {"schemaVersion": 2, "manifests": [self._blob(place, json.dumps(manifest).encode(), kind)]}
        (place / "index.json").write_text(json.dumps(index))

    def _blob(self, place: Path, data: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (place / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    def write(self, names: Sequence[str], steps: str) -> None:
        rows = []
        for name in names:
            contexts = f'contexts = {{ base = "oci-layout://{name}" }}\n'
            rows.append(
                f"[target.{name}]\n{contexts}dockerfile-inline = '''\nFROM base\nWORKDIR /{name}\n{steps}\n'''\n"
            )
        self.project.write("bake.toml", "".join(rows))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_refused(world: World) -> None:
    for name, (members, _) in REFUSED.items():
        world.layout(name, ROOT, members)
    world.write(list(REFUSED), 'RUN ["/bin/busybox", "true"]')
    result = world.project.build(*REFUSED, keep_going=True)
    said = "\n".join(str(error) for error in result.errors)
    statuses = {name: target.status for name, target in result.report.targets.items()}
    assert set(statuses.values()) == {"failed"}, statuses
    assert [why for _, why in REFUSED.values() if not re.search(why, said)] == []
    assert world.state() == world.before


def test_what_is_confined(world: World) -> None:
    for name, members in CONFINED.items():
        world.layout(name, ROOT, members)
    steps = "WORKDIR /work/below\nCOPY <<E /out/copied\ntext\nE\nCOPY <<E /etc/copied\ntext\nE\n"
    steps += 'RUN --mount=type=cache,target=/run/cache --mount=type=tmpfs,target=/out/t ["/bin/busybox", "sh", "-c", '
    steps += '"echo x > /etc/written; echo y > /run/y; echo z > /out/z; true"]'
    world.write(list(CONFINED), steps)
    result = world.project.build(*CONFINED, keep_going=True)
    assert world.state() == world.before
    failed = {name for name, target in result.report.targets.items() if target.status != "built"}
    # A root whose /proc leads elsewhere: the runtime refuses to mount there.
    assert failed <= {"proc-sys-dev-are-links-out"}, [str(error) for error in result.errors]


def test_a_user_is_looked_up_inside_of_the_image(world: World) -> None:
    world.layout("x", ROOT, CONFINED["passwd-is-a-link-out"])
    world.write(["x"], 'USER mallory\nRUN ["/bin/busybox", "true"]')
    (error,) = world.project.build().errors
    assert "unable to find user mallory" in str(error)


def test_devices_stay_devices_of_the_image(world: World) -> None:
    """A device node in a layer is a file of the image: in a step no more than the sandbox allows can be opened."""
    nodes = [
        member("disk", kind=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o666),
        member("mem", kind=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666),
    ]
    world.layout("x", ROOT, nodes)
    world.write(
        ["x"], 'RUN ["/bin/busybox", "sh", "-c", "! /bin/busybox head -c 1 /mem && ! /bin/busybox head -c 1 /disk"]'
    )
    assert world.project.build().errors == ()
    for path in world.project.store.glob("layers/*/fs/mem"):
        assert stat.S_ISCHR(path.lstat().st_mode)


def test_bombs_end_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits made small; those of a real run are 16 GiB, or 256 times the archive."""
    monkeypatch.setattr(compressed, "_UNSUSPECTED", 1 << 20)
    bomb = gzip.compress(tar([member("zeros", bytes(8 << 20))]))
    sparse = io_sparse(1 << 45)
    for data in (bomb, sparse):
        (tmp_path / "archive").write_bytes(data)
        fs = tmp_path / hashlib.sha256(data).hexdigest()[:8]
        fs.mkdir()
        may = Ownership("root" if os.geteuid() == 0 else "none")
        with (
            Stack((), may) as lower,
            Draft(str(fs), lower, may) as draft,
            open(tmp_path / "archive", "rb") as file,
            pytest.raises(StepError) as caught,
        ):
            unpack_into(draft, lambda: "", file.fileno(), None, lambda: None)
        assert caught.value.diagnostics[0].code in ("bad-archive", "unsafe-archive")
        assert sum(path.stat().st_size for path in fs.rglob("*") if path.is_file()) < 4 << 20


def io_sparse(size: int) -> bytes:
    """An archive of a kilobyte with a file that claims to be sparse and of `size` bytes."""
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "huge",
        "GNU.sparse.realsize": str(size),
    }
    map_ = b"1\n0\n1\n".ljust(512, b"\0") + b"x"
    return tar([member("GNUSparseFile.0/huge", map_, pax_headers=headers)])
