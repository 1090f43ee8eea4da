"""`bake matrix`: its forms, and that GitLab and GitHub read what they need in them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

Call = Callable[..., tuple[int, str, str]]
EXTRA = """
[target.other]
after = ["app"]
platforms = ["linux/amd64", "linux/arm64"]
dockerfile-inline = "FROM scratch"
[group]
ours = ["base", "app"]
default = ["ours", "other"]
"""


@pytest.fixture
def project(line: Call) -> Call:
    with Path("bake.toml").open("a") as file:
        file.write(EXTRA)
    return line


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_json(project: Call) -> None:
    found = json.loads(project("matrix")[1])
    rows = [(job["name"], job["level"], job["targets"]) for job in found["jobs"]]
    assert rows == [("base", 0, ["base"]), ("app", 1, ["app"]), ("other", 2, ["other"])]
    assert (found["version"], found["levels"]) == (1, 3)
    assert found["jobs"][2]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert [job["level"] for job in json.loads(project("matrix app other")[1])["jobs"]] == [0, 1]


def test_by_level_and_group(project: Call) -> None:
    names = [job["name"] for job in json.loads(project("matrix --by level")[1])["jobs"]]
    assert names == ["level-0", "level-1", "level-2"]
    jobs = json.loads(project("matrix --by group")[1])["jobs"]
    assert [(job["name"], job["targets"]) for job in jobs] == [
        ("ours-0", ["base"]), ("ours-1", ["app"]), ("default", ["other"])
    ]  # fmt: skip


def test_github(project: Call) -> None:
    code, out, _ = project("matrix --format github")
    assert (code, out.count("\n")) == (0, 1)  # a line of $GITHUB_OUTPUT
    found = json.loads(out)
    assert found["include"][2] == {
        "name": "other", "level": 2, "targets": "other", "platforms": "linux/amd64,linux/arm64"
    }  # fmt: skip
    assert json.loads(project("matrix --format github --level 7")[1]) == {"include": []}


def test_gitlab(project: Call) -> None:
    found = yaml(project("matrix --format gitlab")[1])
    assert found["stages"] == ["level-0", "level-1", "level-2"]
    assert found["app"] == {
        "stage": "level-1",
        "variables": {"BAKE_TARGETS": "app"},
        "script": ["bake build --push app"],
    }
    found = yaml(project("matrix --format gitlab --template ci/x.yml")[1])
    assert (found["include"], found["base"]["extends"]) == ([{"local": "ci/x.yml"}], ".bake")
    assert yaml(project("matrix --format gitlab --level 9")[1])["nothing-to-build"]["script"] == ["true"]


def test_only_what_is_affected(project: Call, tmp_path: Path) -> None:
    (tmp_path / "changed").write_text("main.py\n")
    found = json.loads(project(f"matrix --affected --files {tmp_path}/changed")[1])
    assert [(job["name"], job["level"]) for job in found["jobs"]] == [("app", 0)]
    assert found["jobs"][0]["why"] == "main.py changed"
    subprocess.run(["git", "init", "-q"], check=True)
    code, _, err = project("matrix --affected --since nothing")
    assert code == 2 and "there is no revision" in err
    assert project("matrix --affected")[0] == project("matrix --since HEAD")[0] == 2
