"""What the store remembers for comfort may be damaged: it costs a reason or a look-up, never a build."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from registry_server import registry

Call = Callable[..., tuple[int, str, str]]


def damage(store: Path, column: str) -> None:
    table, _, name = column.partition(".")
    with sqlite3.connect(store / "index.db") as connection:
        assert connection.execute(f"UPDATE {table} SET {name} = x'00ff'").rowcount
    connection.close()


@pytest.mark.parametrize("column", ["runs.report", "parts.data", "images.value"])
def test_a_damaged_record_loses_no_build(line: Call, tmp_path: Path, column: str) -> None:
    assert line("build app --progress quiet")[0] == 0
    damage(tmp_path / "store", column)
    assert line("plan app")[0] == 0
    code, out, err = line("build app --progress plain")
    assert (code, out.count("CACHED") + err.count("CACHED")) == (0, 4)
    damage(tmp_path / "store", column)
    Path("main.py").write_text("2")
    for command in ("plan app", "build app --progress quiet", "explain app", "cache prune", "cache verify", "history"):
        assert line(command)[0] == 0, command


def test_damaged_facts_are_asked_for_again(line: Call, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        Path("bake.toml").write_text(
            f'[target.base]\ntags = ["{server.host}/base:1"]\ndockerfile-inline = "FROM scratch\\nCOPY main.py /"\n'
        )
        assert line("build --push --progress quiet base")[0] == 0
        Path("bake.toml").write_text(f'[target.app]\ndockerfile-inline = "FROM {server.host}/base:1\\nCOPY root /"\n')
        assert line("build app --progress quiet")[0] == 0
        damage(tmp_path / "store", "facts.value")
        assert line("plan app")[0] == 0
        assert line("build app --progress quiet") == (0, "", "")
        assert line("cache prune")[0] == 0


def test_what_needs_a_damaged_record_says_so(line: Call, tmp_path: Path) -> None:
    assert line("build app --progress quiet")[0] == 0
    damage(tmp_path / "store", "runs.report")
    damage(tmp_path / "store", "images.value")
    code, _, err = line("history 1")
    assert (code, err.splitlines()[0]) == (
        2, "error[unreadable-run]: what is kept of run 1 is damaged, or of another version of bake"
    )  # fmt: skip
    assert (line("explain")[0], line("build --retry-failed")[0], line("run app -- /bin/echo x")[0]) == (2, 2, 0)
