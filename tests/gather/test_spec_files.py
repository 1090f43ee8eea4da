"""What `include` may name: files, and nothing that never ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bake.app.loading import read
from bake.errors import Diagnostic, InputError, Source
from bake.gather import spec_files
from bake.gather.spec_files import matches, read_source
from bake.spec.document import SIZE_LIMIT
from bake.spec.workspace import FileGlob


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/bake.toml", "b/bake.toml", "b/c/bake.toml", ".hidden/bake.toml", "b/.git/bake.toml", "x.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "link").symlink_to("a")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/bake.toml", ["a/bake.toml"]),
        ("./a//bake.toml", ["a/bake.toml"]),
        ("*/bake.toml", ["a/bake.toml", "b/bake.toml", "link/bake.toml"]),
        ("**/bake.toml", ["a/bake.toml", "b/bake.toml", "b/c/bake.toml"]),
        ("**", ["x.toml", "a/bake.toml", "b/bake.toml", "b/c/bake.toml"]),
        ("[ab]/*.toml", ["a/bake.toml", "b/bake.toml"]),
        (".*/bake.toml", [".hidden/bake.toml"]),
        ("*.toml", ["x.toml"]),
        ("?.toml", ["x.toml"]),
        ("nope/bake.toml", []),
        ("a", []),
        ("*", ["x.toml"]),
        ("a\0b", []),
        ("x.toml/y", []),
        ("", []),
    ],
)
def test_globs(tree: Path, pattern: str, expected: list[str]) -> None:
    assert [os.path.relpath(path, tree) for path in matches(FileGlob(str(tree), pattern))] == expected


def test_an_absolute_glob(tree: Path) -> None:
    assert matches(FileGlob("/nowhere", f"{tree}/a/*")) == (f"{tree}/a/bake.toml",)
    assert matches(FileGlob(str(tree / "a"), "../x.toml")) == (f"{tree}/a/../x.toml",)


def test_a_glob_does_not_walk_a_disk(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec_files, "ENTRY_LIMIT", 5)
    (tree / "bake.toml").write_text('include = ["x.toml", "**/bake.toml"]')
    with pytest.raises(InputError) as caught:
        from bake.spec.resolve import resolve

        resolve(read(tree / "bake.toml"))
    (found,) = caught.value.diagnostics
    assert found.code == "include-too-wide"
    assert found.span is not None
    assert (found.span.line, found.span.column) == (1, 22)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "nope", Path("a\0b")):
        found = read_source(str(path), "bake.toml")
        assert isinstance(found, Diagnostic)
        assert found.code == "unreadable-file"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "bake.toml").open("wb") as file:
        file.truncate(1 << 40)
    found = read_source(str(tmp_path / "bake.toml"), "bake.toml")
    assert isinstance(found, Diagnostic)
    assert (found.code, str(found.span)) == ("file-too-large", "bake.toml:1:1")
    assert SIZE_LIMIT < 1 << 40


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"\xff", "1:1"),
        ("é = 1\n".encode() + b"ab\xc3", "2:3"),
        (b"a\n\nx = '\xed\xa0\x80'", "3:6"),
        (b"\xef\xbb\xbfa\xff", "1:2"),
        (b"\xf0\x9f\x8e", "1:1"),
    ],
)
def test_the_first_byte_that_is_not_utf8(tmp_path: Path, data: bytes, place: str) -> None:
    (tmp_path / "bake.toml").write_bytes(data)
    found = read_source(str(tmp_path / "bake.toml"), "bake.toml")
    assert isinstance(found, Diagnostic)
    assert (found.code, str(found.span)) == ("not-utf8", f"bake.toml:{place}")


def test_a_directory_whose_name_is_not_utf8_is_told_and_no_defect(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/p\xff"))
    odd.mkdir()
    (odd / "bake.toml").write_text("")
    found = read_source(str(odd / "bake.toml"), "bake.toml")
    assert isinstance(found, Diagnostic)
    assert (found.code, found.message) == ("not-utf8", f"the path {tmp_path}/p\\xff/bake.toml is not UTF-8")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_source(str(tmp_path / "bake.toml"), "bake.toml") == Source("bake.toml", "a = 1")


def test_a_file_that_cannot_be_read_is_told_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_text('include = ["ok.toml", "bad.toml"]\nx = 1\n')
    (tmp_path / "ok.toml").write_text("y = 1")
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    spec = read(tmp_path / "bake.toml")
    assert [(d.code, d.span and (d.span.line, d.span.column)) for d in spec.findings] == [
        ("not-utf8", (1, 1)),
        ("unknown-key", (2, 1)),
        ("unknown-key", (1, 1)),
    ]
