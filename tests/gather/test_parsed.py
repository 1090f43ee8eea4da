"""Unchanged files are not parsed again; and what is kept for that can be trusted, or is not used."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.app.loading import read
from bake.gather import parsed
from bake.gather.parsed import WORTH_IT, Parsed
from bake.spec.document import Number
from bake.spec.file import parse_file
from bake.spec.print import to_print
from bake.spec.request import Request
from bake.spec.resolve import resolve

TEXT = "a = 1" + "\n" * WORTH_IT
Read = Callable[[], tuple[int, Any]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Ten files, large enough together."""
    for number in range(10):
        member = tmp_path / f"s{number}/bake.toml"
        member.parent.mkdir()
        member.write_text(
            "".join(f'[target.t{n}]\ncontext = "{"c" * 40}"\nargs = {{ A = 1.10, B = {n} }}\n' for n in range(100))
        )
    (tmp_path / "bake.toml").write_text('include = ["*/bake.toml"]\n')
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.toml")) > WORTH_IT
    return tmp_path


@pytest.fixture
def read_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """`read_again()` as a new process would; gives how many texts were parsed, and what is printed."""
    counted: list[str] = []
    loads = tomllib.loads

    def count(text: str, **options: Any) -> dict[str, Any]:
        counted.append(text)
        return loads(text, **options)

    monkeypatch.setattr(tomllib, "loads", count)
    environment = {"XDG_CACHE_HOME": str(workspace / "cache")}

    def run() -> tuple[int, Any]:
        parse_file.cache_clear()
        counted.clear()
        return_ = to_print(resolve(read(workspace / "bake.toml", environment), Request(("all",))))
        return len(counted), return_

    return run


def kept(workspace: Path) -> Path:
    (path,) = (workspace / "cache/bake/specs").iterdir()
    return path


def test_unchanged_files_are_not_parsed_again(workspace: Path, read_again: Read) -> None:
    first = read_again()
    assert first[0] == 11
    assert read_again() == (0, first[1])
    (workspace / "s3/bake.toml").write_text('[target.t0]\ncontext = "changed"\n')
    count, shown = read_again()
    assert count == 1
    assert shown["target"]["s3:t0"]["context"].endswith("changed")
    assert read_again() == (0, shown)


def test_a_change_that_keeps_size_and_times_is_seen(workspace: Path, read_again: Read) -> None:
    read_again()
    path = workspace / "s3/bake.toml"
    before = path.stat()
    path.write_text(path.read_text().replace("B = 7 ", "B = 8 "))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    count, shown = read_again()
    assert (count, shown["target"]["s3:t7"]["args"]) == (1, {"A": "1.10", "B": "8"})


def test_a_small_workspace_leaves_nothing_behind(workspace: Path, read_again: Read) -> None:
    (workspace / "bake.toml").write_text('include = ["s1/bake.toml"]\n')
    assert [read_again()[0] for _ in range(2)] == [2, 2]
    assert not (workspace / "cache").exists()


@pytest.mark.parametrize("damage", [b"", b"bake parsed 1\n", b"x" * 100, None])
def test_damage_is_no_harm(workspace: Path, read_again: Read, damage: bytes | None) -> None:
    first = read_again()
    path = kept(workspace)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data) if damage is None else damage)
    assert read_again() == first
    assert read_again() == (0, first[1])


def test_a_place_that_cannot_be_written_is_no_harm(workspace: Path, read_again: Read) -> None:
    (workspace / "cache").write_text("a file")
    assert read_again() == read_again()


def test_sensitive_texts_are_not_kept(workspace: Path, read_again: Read) -> None:
    member = workspace / "s3/bake.toml"
    member.write_text(member.read_text() + '[variable]\nTOKEN = { default = "hunter2", sensitive = true }\n')
    read_again()
    assert b"hunter2" not in kept(workspace).read_bytes()
    assert kept(workspace).stat().st_mode & 0o077 == 0
    assert read_again()[0] == 1


def test_what_is_wrong_is_wrong_again(workspace: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(workspace / "cache")}
    (workspace / "s2/bake.toml").write_text("[target.x]\nkontext = 1\ncontext = 1979-05-27\n[target.x")
    (workspace / "s4/bake.toml").write_text("[target.x]\nkontext = 1\ncontext = 1979-05-27\n")
    findings = []
    for _ in range(3):
        parse_file.cache_clear()
        findings.append([str(d) for d in read(workspace / "bake.toml", environment).findings])
    assert len(findings[0]) == 3
    assert findings[0] == findings[1] == findings[2]


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed, "_KEPT", 3)
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    for number in range(6):
        Parsed(environment, f"/w{number}").keep([(TEXT, {"a": 1})])
        for path in (tmp_path / "bake/specs").iterdir():
            os.utime(path, (number, path.stat().st_mtime))
    assert len(list((tmp_path / "bake/specs").iterdir())) == 3
    assert Parsed(environment, "/w5").data(TEXT) == {"a": 1}


_DATA = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.text(max_size=3) | st.booleans() | st.integers(-(2**65), 2**65) | st.just(datetime.date(2020, 1, 1))
        | st.sampled_from([Number("1.10"), Number("nan"), Number("1e999"), Number("-0.0")]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)  # fmt: skip


@given(_DATA)
def test_what_is_kept_comes_back_as_it_was(data: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        Parsed({"XDG_CACHE_HOME": home}, "/w").keep([(TEXT, data)])
        found = Parsed({"XDG_CACHE_HOME": home}, "/w").data(TEXT)
    assert found is None or written(found) == written(data)


def written(value: Any) -> Any:
    """With numbers as they stand in the file, and each value's type."""
    if isinstance(value, dict):
        return {name: written(each) for name, each in value.items()}
    if isinstance(value, list):
        return [written(each) for each in value]
    return type(value), value.text if isinstance(value, Number) else value


def test_many_processes_at_once(workspace: Path) -> None:
    """Readers and writers of one workspace: every one of them sees all its targets."""
    code = (
        "import sys; from pathlib import Path; from bake.app.loading import read\n"
        "for _ in range(5): print(len(read(Path('bake.toml').resolve()).targets))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(workspace / "cache")}
    argv = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(argv, cwd=workspace, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in running:
        out, _ = process.communicate(timeout=60)
        assert out.split() == ["1000"] * 5
    assert len(list((workspace / "cache/bake/specs").iterdir())) == 1
