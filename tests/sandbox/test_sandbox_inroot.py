"""No link leads out of a root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.sandbox.inroot import locate, make_directory, read_text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "canary").write_text("secret")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    (root / "up").symlink_to("../../../../../../canary")
    (root / "out").symlink_to(tmp_path)
    (root / "abs").symlink_to("/etc")
    (root / "chain").symlink_to("abs/../abs")
    (root / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("/abs/passwd", "etc/passwd"),
        ("/chain/passwd", "etc/passwd"),
        ("/up", "canary"),
        ("/../../etc/passwd", "etc/passwd"),
        ("/missing/../etc", "etc"),
        ("", ""),
    ],
)
def test_locate(root: Path, path: str, inside: str) -> None:
    assert Path(locate(str(root), path)) == root / inside


def test_a_loop_is_an_error(root: Path) -> None:
    with pytest.raises(OSError, match="symbolic links"):
        locate(str(root), "/loop/x")
    assert read_text(str(root), "/loop") == ""


def test_reading_stays_inside(root: Path) -> None:
    assert read_text(str(root), "/abs/passwd") == "inside"
    assert read_text(str(root), "/up") == ""
    assert read_text(str(root), "/out/canary") == ""
    assert read_text(str(root), "/etc") == ""


def test_a_pipe_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "etc/group")
    assert read_text(str(root), "/etc/group") == ""


def test_directories_are_made_inside(root: Path) -> None:
    before = os.umask(0o077)
    try:
        make_directory(str(root), "/abs/a/b", os.getuid(), os.getgid())
        make_directory(str(root), "/up/x", os.getuid(), os.getgid())
    finally:
        os.umask(before)
    assert (root / "etc/a").stat().st_mode & 0o7777 == 0o755
    assert (root / "canary/x").is_dir()
    assert (root.parent / "canary").read_text() == "secret"


_PARTS = st.lists(st.sampled_from(["..", ".", "etc", "up", "out", "abs", "chain", "x", ""]), max_size=8)


@given(_PARTS)
def test_whatever_is_asked_for_lies_below(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    top = tmp_path_factory.getbasetemp() / "inroot"
    root = top / "root"
    if not root.exists():
        (root / "etc").mkdir(parents=True)
        (root / "up").symlink_to("../../..")
        (root / "out").symlink_to(top)
        (root / "abs").symlink_to("/etc")
        (root / "chain").symlink_to("abs/../up/..")
    found = locate(str(root), "/".join(parts))
    assert os.path.realpath(found) == found
    assert found == str(root) or found.startswith(f"{root}/")
