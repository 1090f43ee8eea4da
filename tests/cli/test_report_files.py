"""`--report` of real builds: all forms at once, of a failed build too, and a path that cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bake

Call = Callable[..., tuple[int, str, str]]
ALL = "--progress quiet --report r.json --report r.md --report r.html"


def test_a_build_that_went_well(line: Call) -> None:
    assert line(f"build app {ALL}")[0] == 0
    report = json.loads(Path("r.json").read_text())
    by_id = {step["id"]: step for step in report["steps"]}
    instructions = {step["instruction"]: [by_id[i]["instruction"] for i in step["needs"]] for step in by_id.values()}
    assert instructions["COPY main.py /"] == ["RUN echo $V"]
    assert instructions["RUN echo $V"] == ["RUN echo base"]
    assert by_id and all(step["size"] >= 0 for step in by_id.values())
    assert max(step["size"] for step in by_id.values()) > 500_000
    assert report["targets"]["app"]["needs"] == ["base"]
    assert "| app | built |" in Path("r.md").read_text()
    page = Path("r.html").read_text()
    assert "RUN echo $V" in page and ">base</text>" in page


def test_a_build_that_failed_and_a_path_that_is_none(line: Call) -> None:
    with Path("bake.toml").open("a") as file:
        file.write(
            '[target.bad]\ndockerfile-inline = """\nFROM scratch\nCOPY root /\nRUN echo "<b>why</b>"; false\n"""\n'
        )
    Path("dir.html").mkdir()
    code, _, err = line(f"build bad {ALL} --report dir.html")
    assert code == 1 and "error[report]: cannot write the report" in err
    assert "&lt;b&gt;why&lt;/b&gt;" in Path("r.html").read_text()
    assert "<b>why</b>" in Path("r.md").read_text()  # in a fenced block
    assert json.loads(Path("r.json").read_text())["outcome"] == "failed"
    code, _, err = line("build app --progress quiet --report dir.html")
    assert (code, err.splitlines()[0].partition(":")[0]) == (0, "error[report]")  # the build went well


def test_an_interrupted_build_is_reported_in_all_forms(line: Call) -> None:
    assert line("list")[0] == 0  # `line` has made the project
    with Path("bake.toml").open("a") as file:
        file.write(
            '[target.slow]\ndockerfile-inline = """\nFROM scratch\nCOPY root /\nRUN echo started; sleep 600\n"""\n'
        )
    Path("root/bin/sleep").symlink_to("busybox")
    argv = [sys.executable, "-m", "bake", "build", "slow", "--progress", "plain", *ALL.split()[2:]]
    environment = {**os.environ, "PYTHONPATH": str(Path(bake.__file__).parents[1])}
    child = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert child.stderr is not None
        assert any("| started" in said for said in child.stderr)
        child.send_signal(signal.SIGINT)
        child.communicate()
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert json.loads(Path("r.json").read_text())["outcome"] == "cancelled"
    assert Path("r.md").read_text().startswith("## ⏹️ bake: cancelled")
    page = Path("r.html").read_text()
    assert "sleep 600" in page and ">started</pre>" in page
