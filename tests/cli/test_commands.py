"""Whole commands on a real spec, store and engine, through `bake.cli.main`: stdout, stderr and exit codes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import run

import pytest
from inline_snapshot import snapshot

from bake.cli import main
from bake.oci.platform import parse_platform

SPEC = '''
[group.both]
targets = ["app", "broken"]

[target.app]
description = "the program"
tags = ["localhost:1/app:1"]
dockerfile-inline = """
FROM scratch AS files
COPY root /
FROM files
RUN echo hello
LABEL a=b
CMD ["sh", "-c", "echo $0 $WHO; cat"]
"""

[target.broken]
dockerfile-inline = """
FROM scratch
COPY root /
RUN echo before && exit 7
"""

[target.missing]
dockerfile-inline = """
FROM scratch
COPY nowhere /
"""
'''
HOST = str(parse_platform(f"linux/{os.uname().machine}"))
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a line in a directory with a spec and a busybox; gives exit code, stdout, stderr."""
    (tmp_path / "root/bin").mkdir(parents=True)
    shutil.copy("/usr/bin/busybox", tmp_path / "root/bin/busybox")
    for name in ("sh", "cat", "echo"):
        (tmp_path / "root/bin" / name).symlink_to("busybox")
    (tmp_path / "bake.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "store"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "BAKE_DEBUG", "BAKE_ENGINE", "BAKE_JOBS"):
        monkeypatch.delenv(name, raising=False)

    def call(line: str) -> tuple[int, str, str]:
        code = main(line.split())
        out, err = capsys.readouterr()
        return code, out.replace(HOST, "linux/amd64"), err

    return call


def test_list_and_print(bake: Call) -> None:
    assert bake("list") == snapshot(
        (
            0,
            """\
TARGET
app      the program
broken
missing

GROUP  MEMBERS
both   app, broken
""",
            "",
        )
    )
    code, out, err = bake("print app --set app.labels.x=1")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["version"], list(found["target"]), found["target"]["app"]["labels"]) == (1, ["app"], {"x": "1"})


def test_plan_then_build_then_nothing_to_do(bake: Call) -> None:
    assert bake("plan app") == snapshot(
        (
            0,
            """\
app  stage files  linux/amd64
   run         1  COPY root /     app:dockerfile-inline:2  never built
app  stage 1  linux/amd64
   unknown     1  RUN echo hello  app:dockerfile-inline:4  waits on a step that will run
2 steps: 1 run, 1 unknown
""",
            "",
        )
    )
    code, out, err = bake("app --progress quiet --json --report r.json")
    report = json.loads(out)
    assert (code, err, Path("r.json").read_text()) == (0, "", out)
    assert [step["status"] for step in report["steps"]] == ["run", "run"]
    assert report["targets"]["app"]["status"] == "built"
    assert bake("--dry-run app") == snapshot(
        (
            0,
            """\
app  stage files  linux/amd64
   cached     1  COPY root /     app:dockerfile-inline:2
app  stage 1  linux/amd64
   cached     1  RUN echo hello  app:dockerfile-inline:4
2 steps: 2 cached
""",
            "",
        )
    )
    code, out, _ = bake("plan app --json")
    assert (code, [step["status"] for step in json.loads(out)["steps"]]) == (0, ["cached", "cached"])
    code, out, err = bake("app --progress json")
    events = [json.loads(line) for line in err.splitlines()]
    assert (code, out) == (0, "")
    assert events[-2]["target"]["status"] == "unchanged" and events[-1]["type"] == "run.finished"


def test_failed_step_is_told_once(bake: Call) -> None:
    code, out, err = bake("broken --progress quiet --report r.json")
    assert (code, out) == (1, "")
    first, *rest = err.splitlines()
    assert first.startswith("FAILED") and first.endswith("[broken 0 2] RUN echo before && exit 7")
    assert rest == ["  broken:dockerfile-inline:3, exit code 7", "  | before"]
    assert json.loads(Path("r.json").read_text())["steps"][-1]["exit_code"] == 7


def test_keep_going_does_what_can_be_done(bake: Call) -> None:
    code, out, _ = bake("both -k --progress quiet --json")
    found = json.loads(out)["targets"]
    assert (code, {name: target["status"] for name, target in found.items()}) == (
        1,
        {"app": "built", "broken": "failed"},
    )


def test_wrong_input(bake: Call) -> None:
    assert bake("missing --progress quiet") == snapshot(
        (
            1,
            "",
            """\
FAILED [missing 0 1] COPY nowhere /
  missing:dockerfile-inline:2
error[missing-source]: COPY nowhere /: "/nowhere": not found
 --> missing:dockerfile-inline:2:6
  |
2 | COPY nowhere /
  |      ^^^^^^^
  = hint: check the path, relative to the context, and the ignore file
""",
        )
    )
    assert bake("paln") == snapshot(
        (
            2,
            "",
            """\
error[unknown-target]: `paln` is no target and no group
 --> <command line>:1:1
  |
1 | paln
  | ^^^^
  = hint: known here: `both`, `app`, `broken`, `missing`
          did you mean the command `bake plan`?
""",
        )
    )
    Path("bake.toml").write_text('[target.a]\ncontxt = "."\n')
    assert bake("a") == snapshot(
        (
            2,
            "",
            """\
error[unknown-key]: unknown key `contxt`
 --> bake.toml:2:1
  |
2 | contxt = "."
  | ^^^^^^
  = hint: did you mean `context`?
""",
        )
    )


def test_inspect(bake: Call) -> None:
    assert bake("app --progress quiet") == (0, "", "")
    assert bake("inspect app") == snapshot(
        (
            0,
            """\
app

linux/amd64
  Cmd: ["sh", "-c", "echo $0 $WHO; cat"]
  WorkingDir: "/"
  ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  LABEL a=b
LAYER  CREATED BY
1      COPY root / # buildkit
2      RUN /bin/sh -c echo hello # buildkit
""",
            "",
        )
    )
    code, out, _ = bake("inspect app --json")
    assert (code, json.loads(out)["platforms"]["linux/amd64"]["config"]["config"]["Labels"]) == (0, {"a": "b"})


def test_push_without_registry(bake: Call) -> None:
    code, out, err = bake("push app --progress quiet")
    assert (code, out) == (2, "") and "error[not-built]" in err
    assert bake("app --progress quiet") == (0, "", "")
    code, out, err = bake("push app --progress quiet --json")
    assert code == json.loads(out)["exit_code"] == 3
    assert err.count("error[registry-unreachable]") == err.count("not-published") == 1


def in_own_process(line: str) -> tuple[int, str, str]:
    """`bake run` gives its own file descriptors to the container, which capsys does not see."""
    ran = run(
        [sys.executable, "-m", "bake", *line.split()], input="piped\n", capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.usefixtures("bake")
def test_run() -> None:
    code, out, err = in_own_process("run -e WHO=me app")
    assert (code, out) == (0, "sh me\npiped\n") and "RUN echo hello" in err, "it had to be built"
    assert in_own_process("run app -- sh -c cat;exit${IFS}9") == (9, "piped\n", ""), "nothing to build, nothing to tell"
    assert in_own_process("run -w /bin --entrypoint /bin/busybox app pwd") == (0, "/bin\n", "")
    code, out, err = in_own_process("run --progress quiet broken")
    assert (code, out) == (1, "") and err.splitlines()[1:] == [
        "  broken:dockerfile-inline:3, exit code 7",
        "  | before",
    ]
