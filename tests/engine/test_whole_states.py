"""Whole states read without a container: what is written to a directory of this host, packed, and read file by file."""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pytest

from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.pack import pack
from bake.engine.embedded.reading import read_files
from bake.engine.embedded.requests import Pack, ReadFiles, Spread, Whole
from bake.engine.embedded.spread import spread
from bake.errors import HostError, InputError

MAY = Ownership("single") if os.getuid() else Ownership("root")


def nothing() -> None:
    """No cancellation."""


@pytest.fixture
def layers(tmp_path: Path) -> tuple[str, str]:
    """Two layers, the upper one changing the lower."""
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    (lower / "a/b").mkdir(parents=True)
    (lower / "a/b/one").write_text("old")
    (lower / "a/kept").write_text("kept")
    os.link(lower / "a/kept", lower / "a/twin")
    (upper / "a/b").mkdir(parents=True)
    (upper / "a/b/one").write_text("new")
    (upper / "link").symlink_to("a/b")
    (upper / "out").symlink_to("../../../../etc")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(upper / "socket"))
    return str(lower), str(upper)


def test_sockets_are_told(tmp_path: Path, layers: tuple[str, str]) -> None:
    (tmp_path / "dest").mkdir()
    left = spread(Spread((Whole("", layers),), str(tmp_path / "dest")), MAY, nothing)
    assert left.paths == (b"socket",)
    assert (tmp_path / "dest/a/b/one").read_text() == "new"
    assert (tmp_path / "dest/a/twin").stat().st_nlink == 2
    assert not (tmp_path / "dest/socket").exists()


def test_a_directory_with_files_is_not_replaced(tmp_path: Path, layers: tuple[str, str]) -> None:
    dest = tmp_path / "dest"
    (dest / "link/mine").mkdir(parents=True)
    with pytest.raises(HostError, match="link is a directory with files"):
        spread(Spread((Whole("", layers),), str(dest)), MAY, nothing)
    assert (dest / "link/mine").is_dir()
    assert not list(dest.rglob(".bake.*"))


def test_an_empty_directory_gives_way(tmp_path: Path, layers: tuple[str, str]) -> None:
    (tmp_path / "dest/link").mkdir(parents=True)
    spread(Spread((Whole("", layers),), str(tmp_path / "dest")), MAY, nothing)
    assert os.readlink(tmp_path / "dest/link") == "a/b"


def test_a_statement_does_not_hide_a_file(tmp_path: Path, layers: tuple[str, str]) -> None:
    (tmp_path / "dest").mkdir()
    with pytest.raises(InputError, match="a/kept"):
        spread(Spread((Whole("", layers),), str(tmp_path / "dest"), (("a/kept", b"x"),)), MAY, nothing)


def test_no_time_is_later(tmp_path: Path, layers: tuple[str, str]) -> None:
    latest = 1_000_000_000
    (tmp_path / "dest").mkdir()
    spread(Spread((Whole("", layers),), str(tmp_path / "dest"), latest=latest), MAY, nothing)
    pack(Pack((Whole("", layers),), str(tmp_path / "a.tar"), latest=latest), MAY, nothing)
    assert {int(path.lstat().st_mtime) for path in (tmp_path / "dest").rglob("*")} == {latest}
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert {member.mtime for member in tar} == {latest}
        names = tar.getnames()
    assert names == ["a", "a/b", "a/b/one", "a/kept", "a/twin", "link", "out"]


def test_reading_follows_links_within(tmp_path: Path, layers: tuple[str, str]) -> None:
    (tmp_path / "etc").mkdir()
    wanted = (b"link/one", b"a/b", b"none", b"out/passwd", b"socket", b"a/kept")
    assert read_files(ReadFiles(layers, wanted), MAY, nothing).found == {b"link/one": b"new", b"a/kept": b"kept"}
    assert read_files(ReadFiles((), wanted), MAY, nothing).found == {}
