"""A directory that is not there is named, where it is said; not the Dockerfile that would be in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bake.cli import main

SPEC = """
[target.typo]
context = "servces/app"
[target.lost]
context = "elsewhere"
[target.file]
context = "bake.toml"
[target.empty]
context = "services"
[target.versions]
context = "gone"
matrix.x = ["1", "2", "3"]
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "store"))
    Path("services/app").mkdir(parents=True)
    Path("services/app/Dockerfile").write_text("FROM scratch\n")
    Path("bake.toml").write_text(SPEC)


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "json"]) == 2
    rows = [(each["line"], each["code"], each["message"], each["hint"]) for each in json.loads(capsys.readouterr().out)]
    relative = "`context` is relative to the file that says it"
    assert rows == [
        (3, "no-context", "target 'typo': there is no directory servces/app", relative),
        (5, "no-context", "target 'lost': there is no directory elsewhere", relative),
        (7, "no-context", "target 'file': the context bake.toml is not a directory", relative),
        (8, "no-dockerfile", "target 'empty': there is no services/Dockerfile",
         "set `dockerfile`, `context` or `dockerfile-inline`"),
        (11, "no-context", "target 'versions-1': there is no directory gone (nor for 2 other targets)", relative),
    ]  # fmt: skip


@pytest.mark.parametrize("command", [["plan", "t"], ["t"]])
def test_the_nearest_directory_is_the_hint(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("services/apps.txt").write_text("")
    Path("bake.toml").write_text('[target.t]\ncontext = "services/apps"\n')
    assert main(command) == 2
    err = capsys.readouterr().err
    assert "error[no-context]: target 't': there is no directory services/apps\n --> bake.toml:2:11\n" in err
    assert "did you mean `services/app`?" in err and "no-dockerfile" not in err
