"""Dockerfiles in the shapes of common images: all parse, are clean to `bake check`, and plan; many build and run."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from walkthrough import CANARY, environment, make_bases

from bake.dockerfile.instructions import Add, Copy, Dockerfile, Run
from bake.dockerfile.lint import Outside, lint
from bake.dockerfile.parse import parse
from bake.errors import Source

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/Dockerfile"))
SPEC = tomllib.loads((HERE / "bake.toml").read_text())
GROUPS: dict[str, list[str]] = SPEC["group"]


PLATFORM = Outside(
    predefined={f"{side}{what}": "" for side in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "ARCH")}
)


def read(name: str) -> Dockerfile:
    return parse(Source(f"{name}/Dockerfile", (HERE / name / "Dockerfile").read_text()))


@pytest.fixture(scope="module")
def bake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """`bake(*line)`: what it prints, as JSON; with a store of its own."""
    base = tmp_path_factory.mktemp("corpus")
    python = make_bases()
    (base / "top").mkdir()
    variables = {**environment(base / "top", base / "store", "", python), "PYTHONPATH": str(HERE.parents[1])}

    def call(*line: str) -> Any:
        argv = [sys.executable, "-m", "bake", *line]
        ended = subprocess.run(
            argv, cwd=HERE, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert ended.returncode == 0, f"{line}: {ended.returncode}\n{ended.stderr[-6000:]}"
        return json.loads(ended.stdout)

    call.store = base / "store"  # type: ignore[attr-defined]
    yield call
    subprocess.run(["chmod", "-R", "u+rwX", base], check=False)


def test_there_are_thirty_and_each_has_a_target() -> None:
    assert len(NAMES) >= 30
    contexts = {target.get("context") for target in SPEC["target"].values()}
    assert [name for name in NAMES if name not in contexts] == []
    listed = {*GROUPS["built"], *GROUPS["planned"]}
    assert [name for name in SPEC["target"] if not name.startswith(("_", "base-")) and name not in listed] == []
    assert not set(GROUPS["built"]) & set(GROUPS["planned"])


@pytest.mark.parametrize("name", NAMES)
def test_it_parses_and_is_clean(name: str) -> None:
    dockerfile = read(name)
    assert dockerfile.stages
    assert [(each.code, str(each.span)) for each in lint(dockerfile, PLATFORM)] == []


def test_all_of_them_are_clean_to_bake_check(bake: Any) -> None:
    assert bake("check", "--format", "json") == []


def test_each_instruction_that_makes_something_is_in_the_plan(bake: Any) -> None:
    """All stages: those that no target reached would be a finding of `bake check`."""
    steps = bake("plan", "planned", "built", "--json")["steps"]
    planned: dict[str, set[int]] = {}
    for step in steps:
        file, _, line = step["at"].rpartition(":")
        planned.setdefault(file, set()).add(int(line))
    for name in NAMES:
        wanted: dict[str, set[int]] = {}  # what two stages do alike is one step, which stands at one of the places
        for stage in read(name).stages:
            for instruction in stage.instructions:
                if isinstance(instruction, Run | Copy | Add):
                    wanted.setdefault(instruction.text, set()).add(instruction.span.line)
        found = planned.get(f"{name}/Dockerfile", set())
        assert [text for text, lines in wanted.items() if not lines & found] == [], name
    platforms = {step["platform"] for step in steps if "go-static" in step["targets"]}
    assert {"linux/arm/v7", "linux/arm64"} <= platforms


def test_those_whose_parts_are_to_be_had_build_and_run(bake: Any) -> None:
    """Each image's `test` is run in it; what fails there fails the build."""
    report = bake("build", "built", "--json")
    assert {report["targets"][name]["status"] for name in GROUPS["built"]} == {"built"}
    tested = {step["targets"][0] for step in report["steps"] if step["instruction"].startswith("TEST")}
    assert len(tested) >= 15
    again = bake("build", "built", "--json")
    assert {step["status"] for step in again["steps"]} == {"cached"}
    for path in (bake.store / "layers").rglob("pip.conf"):
        assert CANARY not in path.read_text()
