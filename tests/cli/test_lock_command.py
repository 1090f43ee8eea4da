"""`bake lock`, `--locked` and `bake outdated` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from registry_server import registry

Call = Callable[..., tuple[int, str, str]]


def test_a_lock_is_written_used_and_told(line: Call, tmp_path: Path) -> None:
    with registry(tmp_path / "registry") as server:
        Path("bake.toml").write_text(
            f'[target.base]\ntags = ["{server.host}/base:1"]\ndockerfile-inline = "FROM scratch\\nCOPY main.py /"\n'
        )
        assert line("build --push --progress quiet base")[0] == 0
        Path("bake.toml").write_text(
            f'[target.app]\ndockerfile-inline = "FROM {server.host}/base:1\\nCOPY main.py /"\n'
        )
        code, out, err = line("build app --locked --progress quiet")
        assert (code, err.splitlines()[0]) == (
            2, f"error[not-locked]: --locked, but there is no bake.lock: {server.host}/base:1 is not pinned"
        )  # fmt: skip
        code, out, err = line("lock")
        assert (code, err) == (0, "") and out.splitlines()[0].startswith(f"+ image {server.host}/base:1  ")
        assert out.splitlines()[1] == "bake.lock pins 1 input"
        assert line("lock --check")[:2] == (0, "bake.lock pins 1 input, none has changed\n")
        assert line("build app --locked --progress quiet") == (0, "", "")
        assert line("plan app --locked")[0] == 0
        assert line("outdated") == (0, "nothing has moved since it was locked\n", "")
        assert json.loads(line("outdated --json")[1]) == {"version": 1, "moved": []}
        assert json.loads(line("lock --upgrade --json")[1])["changes"] == []
        assert line("lock nothing")[0] == 2


def test_a_damaged_lock_is_shown(line: Call) -> None:
    Path("bake.lock").write_text("version = 1\n[image.'x'\n")
    for command in ("build app", "plan app", "lock", "outdated"):
        code, _, err = line(command)
        assert (code, err.splitlines()[0]) == (2, err.splitlines()[0])
        assert "error[toml-syntax]" in err and "bake.lock:2" in err


def test_a_merge_conflict_is_called_one(line: Call) -> None:
    Path("bake.lock").write_text("version = 1\n<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    code, _, err = line("plan app")
    assert code == 2 and err.startswith(
        "error[bad-lock]: bake.lock holds both sides of a merge conflict\n --> bake.lock:2:1"
    )
    assert "take either side, and run `bake lock`" in err
