"""Plain files of an image, fetched from a builder as such: the same as the embedded engine's, and nothing but files."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from grpclib.exceptions import GRPCError
from projects import statuses

from bake.engine.buildkit.services import filereceive
from bake.engine.buildkit.services.filereceive import FileReceive
from bake.engine.buildkit.services.filesync import DATA, STAT
from bake.engine.buildkit.wire.messages import MESSAGES

BASE = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
LINES = [
    "mkdir -p /d/deep/er /d/empty /d/own", "cd /d", "echo text > f", "head -c 3000000 /dev/zero > big", ": > none",
    "ln f hard", "ln -s f link", "ln -s /etc/passwd out", "ln -s ../../.. up", "mkfifo pipe",
    "echo x > 'ä b'", "cp f deep/er/f", "echo more >> deep/er/f", "chmod 4751 deep/er/f", "chmod 1777 empty",
    "chmod 2750 own", "chown -R 1001:1002 own deep/er/f", "ln deep/er/f own/far",
    "cp f a", "mkdir a.d", "cp f a.d/f", "cp f a-",
    "find /d -exec touch -h -d '2001-02-03 04:05:06' '{}' +",
]  # fmt: skip
TARGET = '[target.app]\ncontext = "."\nnetwork = "none"\n'
SPEC = f'{TARGET}output = [{{ type = "local", dest = "files" }}, {{ type = "tar", dest = "files.tar" }}]\n'


def built(project: Any, **options: Any) -> Any:
    result = project.build(**options)
    assert [d for e in result.errors for d in e.diagnostics] == []
    return result


def in_directory(root: Path) -> dict[str, tuple[object, ...]]:
    """What is at and below `root`/d; times in whole seconds, as archives have them."""
    found: dict[str, tuple[object, ...]] = {}
    firsts: dict[int, str] = {}
    for path in sorted([root / "d", *(root / "d").rglob("*")]):
        info, name = path.lstat(), str(path.relative_to(root))
        first = firsts.setdefault(info.st_ino, name)
        data = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[name] = (info.st_mode, info.st_mtime_ns, info.st_uid, data, first)
    return found


def in_archive(path: Path) -> dict[str, tuple[object, ...]]:
    with tarfile.open(path) as tar:
        return {
            member.name: (
                member.type, member.mode, member.uid, member.gid, member.size, member.mtime, member.linkname,
                tar.extractfile(member).read() if member.isreg() else None,  # type: ignore[union-attr]
            )
            for member in tar
            if member.name.split("/")[0] == "d"
        }  # fmt: skip


def test_the_same_files_as_of_the_embedded_engine(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}RUN {' && '.join(LINES)}\n")
    project.write("bake.toml", SPEC)
    built(project, engine="embedded", builders=())
    embedded = in_directory(project.root / "files"), in_archive(project.root / "files.tar")
    os.rename(project.root / "files", project.root / "before")
    (project.root / "files.tar").unlink()
    built(project)
    assert in_directory(project.root / "files") == embedded[0]
    assert in_archive(project.root / "files.tar") == embedded[1]
    assert len(embedded[0]) == len(embedded[1]) == 20


def test_only_files_are_fetched_and_only_when_they_changed(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from bake.engine.buildkit.docker import DockerApi

    def save(*_: object) -> None:
        raise AssertionError("no layer is wanted")

    monkeypatch.setattr(DockerApi, "save", save)
    project.write("Dockerfile", f"{BASE}COPY a /d/a\n")
    project.write("a", "1")
    project.write("bake.toml", SPEC)
    built(project)
    (project.root / "files/d/a").unlink()
    again = built(project, builders=("docker:///nowhere/docker.sock",))
    assert set(statuses(again.report.steps).values()) == {"cached"}
    assert (again.report.targets["app"].status, again.report.targets["app"].digest) == ("unchanged", "")
    assert (project.root / "files/d/a").read_text() == "1"
    project.write("a", "2")
    built(project)
    assert (project.root / "files/d/a").read_text() == "2"


def test_layers_are_fetched_when_they_are_wanted_later(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}RUN mkdir /d && echo later > /d/f\n")
    project.write("bake.toml", SPEC)
    built(project)
    row = '{ type = "oci", dest = "out.tar" }'
    project.write("bake.toml", SPEC.replace("output = [", f"output = [{row}, "))
    result = built(project)
    assert result.report.targets["app"].digest.startswith("sha256:")
    assert (project.root / "out.tar").is_file()
    built(project, builders=("docker:///nowhere/docker.sock",))


def test_several_platforms_and_an_image_of_nothing(project: Any) -> None:
    project.write("Dockerfile", f"{BASE}ARG TARGETARCH\nRUN mkdir /d && echo $TARGETARCH > /d/f\n")
    two = 'platforms = ["linux/amd64", "linux/386"]\noutput'
    empty = '[target.none]\ndockerfile-inline = "FROM scratch"\noutput = [{ type = "local", dest = "none" }]\n'
    project.write("bake.toml", SPEC.replace("output", two) + empty)
    assert project.build("all").errors == ()
    for arch in ("amd64", "386"):
        assert (project.root / f"files/linux_{arch}/d/f").read_text() == f"{arch}\n"
    assert list((project.root / "none").iterdir()) == []


# A builder that lies

DIR, LINK, IRREGULAR = 1 << 31 | 0o755, 1 << 27 | 0o777, 1 << 19
D, F = {"path": b"d", "mode": DIR}, {"path": b"f", "mode": 0o644, "size": 3}
CANARY = {"path": b"up", "mode": LINK, "link": b"../canary"}
HOSTILE: dict[str, list[dict[str, Any]]] = {
    "a path that leads out": [{"path": b"../canary/x", "mode": 0o644}],
    "a path that leads out below a directory": [D, {"path": b"d/../../canary/x", "mode": 0o644}],
    "an absolute path": [{"path": b"/tmp/x", "mode": 0o644}],
    "an empty path": [{"path": b"", "mode": DIR}],
    "a path with a dot": [D, {"path": b"d/./x", "mode": 0o644}],
    "a path with a zero": [{"path": b"d\0x", "mode": 0o644}],
    "a path of too many bytes": [{"path": b"x" * 256, "mode": 0o644}],
    "a file below a link": [CANARY, {"path": b"up/x", "mode": 0o644}],
    "a file below a file": [F, {"path": b"f/x", "mode": 0o644}],
    "a file before its directory": [{"path": b"d/x", "mode": 0o644}],
    "a path twice": [D, D],
    "a link and then a directory of its name": [CANARY, {"path": b"up", "mode": DIR}, {"path": b"up/x", "mode": 0o644}],
    "a hard link that leads out": [{"path": b"h", "mode": 0o644, "link": b"../canary/kept"}],
    "a hard link to an absolute path": [{"path": b"h", "mode": 0o644, "link": b"/etc/passwd"}],
    "a hard link to a link": [CANARY, {"path": b"x", "mode": 0o644, "link": b"up"}],
    "a hard link to a later file": [{"path": b"a", "mode": 0o644, "link": b"f"}, F],
    "a link to nothing": [{"path": b"l", "mode": LINK}],
    "more bytes than any disk has": [{"path": b"x", "mode": 0o644, "size": 1 << 62}],
    "fewer bytes than none": [{"path": b"x", "mode": 0o644, "size": -1}],
    "a kind that there is not": [{"path": b"x", "mode": IRREGULAR}],
    "two kinds at once": [{"path": b"x", "mode": DIR | LINK, "link": b"y"}],
    "more data than listed": [F, {"data": b"1234", "id": 0}],
    "less data than listed": [F, {"data": b"12", "id": 0}, {"data": b"", "id": 0}],
    "data that nobody asked for": [D, {"data": b"1", "id": 0}],
    "data after its end": [F, {"data": b"123", "id": 0}, {"data": b"", "id": 0}, {"data": b"1", "id": 0}],
    "an end in the middle": [F],
}  # fmt: skip


def _packet(row: dict[str, Any]) -> Any:
    if "data" in row:
        return MESSAGES.ReceivedPacket(type=DATA, **row)
    return MESSAGES.ReceivedPacket(type=STAT, stat=row)


class Played:
    """A stream that says what it is told to, and then ends."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._left = [_packet(row) for row in rows] + [MESSAGES.ReceivedPacket(type=STAT)]

    async def recv_message(self) -> Any:
        return self._left.pop(0) if self._left else None

    async def send_message(self, message: Any) -> None:
        pass


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lie_is_refused(tmp_path: Path, name: str) -> None:
    receive = FileReceive(tmp_path / "archive")
    with pytest.raises(GRPCError):
        anyio.run(receive._answer, Played(HOSTILE[name]))
    assert (receive.done, bool(receive.problem)) == (False, True)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("name", ["a path that leads out", "a file below a link", "more data than listed"])
def test_a_lie_fails_the_build_and_touches_nothing(project: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    answer = FileReceive._answer
    monkeypatch.setattr(FileReceive, "_answer", lambda self, _stream: answer(self, Played(HOSTILE[name])))
    project.write("canary/kept", "kept")
    project.write("files/d/before", "before")
    project.write("Dockerfile", f"{BASE}RUN echo {name} > /x\n")
    project.write("bake.toml", SPEC)
    result = project.build()
    (found,) = [d for error in result.errors for d in error.diagnostics]
    assert (result.report.exit_code, found.code) == (4, "bad-export")
    assert [path.name for path in (project.root / "canary").iterdir()] == ["kept"]
    assert [str(path.relative_to(project.root)) for path in (project.root / "files").rglob("*")] == [
        "files/d", "files/d/before",
    ]  # fmt: skip
    assert not (project.root / "files.tar").exists()


def test_links_that_lead_out_are_written_and_not_followed(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the directory holds such links before."""
    sent = [D, {"path": b"d/f", "mode": 0o644, "size": 3}, F, CANARY, {"data": b"new", "id": 1}, {"id": 1, "data": b""}]
    sent += [{"data": b"new", "id": 2}, {"data": b"", "id": 2}]
    answer = FileReceive._answer

    async def lie(self: FileReceive, stream: Any) -> None:
        await answer(self, Played(sent))
        while (await stream.recv_message()).HasField("stat"):
            pass
        await filereceive._part(stream)

    monkeypatch.setattr(FileReceive, "_answer", lie)
    project.write("canary/f", "old")
    (project.root / "files").mkdir()
    (project.root / "files/d").symlink_to("../canary")
    (project.root / "files/f").symlink_to("../canary/f")
    project.write("Dockerfile", f"{BASE}RUN echo links > /x\n")
    project.write("bake.toml", SPEC)
    built(project)
    assert (project.root / "canary/f").read_text() == "old"
    assert (project.root / "files/d/f").read_text() == (project.root / "files/f").read_text() == "new"
    assert (project.root / "files/up").readlink() == Path("../canary")
