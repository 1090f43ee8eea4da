"""examples/ci: the commands of both CI systems, run in their order, each job on a machine of its own (a fresh store).

With the registry cache, what a level has built is found by the next one: no step of the whole runs twice.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_server import RegistryServer, registry
from ruamel.yaml import YAML
from walkthrough import TOP

EXAMPLE = TOP / "examples/ci"
LEVELS = 3


class Machine:
    """A clone of the example on a machine that has built nothing yet."""

    def __init__(self, directory: Path, server: RegistryServer) -> None:
        self.project = directory / "clone"
        shutil.copytree(EXAMPLE, self.project)
        self.environment = {
            "PATH": f"{directory}/bin:{os.environ['PATH']}",
            "HOME": str(directory),
            "PYTHONPATH": str(TOP),
            "BAKE_STORE": str(directory / "store"),
            "REGISTRY": server.host,
        }
        (directory / "bin").mkdir()
        program = directory / "bin/bake"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m bake "$@"\n')
        program.chmod(0o755)

    def run(self, script: str, **variables: str) -> str:
        """A line of a job, by a shell; what it printed."""
        done = subprocess.run(
            ["/bin/sh", "-ec", script], cwd=self.project, env={**self.environment, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (script, done.stderr)
        return done.stdout

    def report(self) -> dict[str, Any]:
        """As the last build of this machine was kept."""
        return dict(json.loads(self.run("bake history 1 --json")))


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Any]:
    with registry(tmp_path / "registry") as server:
        yield lambda name: Machine(_made(tmp_path / name), server)


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def steps_once(reports: list[dict[str, Any]]) -> None:
    """Each step ran on one machine, and all others took it from the registry."""
    ran = [step["instruction"] for report in reports for step in report["steps"] if step["status"] == "run"]
    assert sorted(ran) == sorted(["COPY base /base", "COPY lib /lib", "COPY docs /docs", "COPY app /app"])
    assert any(step["status"] == "cached" for report in reports[1:] for step in report["steps"])


def test_github(machines: Any) -> None:
    workflow = yaml((EXAMPLE / "github.yml").read_text())
    jobs = workflow["jobs"]
    build = next(step["run"] for step in jobs["level0"]["steps"] if "bake build" in step.get("run", ""))
    plan = jobs["plan"]["steps"][-1]["run"]
    planner = machines("plan")
    planner.run("git init -q && git add -A && git -c user.name=t -c user.email=t@example.com commit -q -m one")
    planner.run("for each in base lib docs app; do echo 2 > $each/text; done")
    planner.run(plan, GITHUB_OUTPUT="output", BEFORE="HEAD")
    outputs = dict(line.split("=", 1) for line in (planner.project / "output").read_text().splitlines())
    assert list(outputs) == [f"level{number}" for number in range(LEVELS)]
    reports = []
    for number in range(LEVELS):
        job = jobs[f"level{number}"]
        assert f"outputs.level{number}" in job["strategy"]["matrix"] and f"outputs.level{number})" in job["if"]
        for row in json.loads(outputs[f"level{number}"])["include"]:
            machine = machines(f"level-{row['name']}")
            machine.run(build.replace("${{ matrix.targets }}", row["targets"]))
            assert (machine.project / "report.md").read_text().startswith("## ✅ bake: ok")
            reports.append(machine.report())
    assert [list(report["targets"]) for report in reports] == [["base"], ["lib"], ["docs"], ["app"]]
    assert all(target["published"] for report in reports for target in report["targets"].values())
    steps_once(reports)


def test_gitlab(machines: Any) -> None:
    plan = yaml((EXAMPLE / "gitlab-ci.yml").read_text())
    template = yaml((EXAMPLE / "gitlab-bake.yml").read_text())[".bake"]
    planner = machines("plan")
    planner.run("git init -q && git add -A && git -c user.name=t -c user.email=t@example.com commit -q -m one")
    planner.run("echo 2 > base/text")
    (script,) = [line for line in plan["plan"]["script"] if "bake matrix" in line]
    planner.run(script, CI_COMMIT_BEFORE_SHA="HEAD")
    pipeline = yaml((planner.project / "pipeline.yml").read_text())
    assert pipeline["include"] == [{"local": "gitlab-bake.yml"}]
    reports = []
    for stage in pipeline["stages"]:
        for name, job in pipeline.items():
            if isinstance(job, dict) and job.get("stage") == stage:
                assert job["extends"] == ".bake"
                machine = machines(f"{stage}-{name}")
                for line in template["script"]:
                    machine.run(line, **job["variables"])
                reports.append(machine.report())
    assert len(reports) == 4
    steps_once(reports)
