"""The command line as a process: what it imports, signals, readers that go away, completion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAVY = ("asyncio", "rich", "networkx", "urllib3", "jinja2", "grpclib", "tarfile", "http.client", "zstandard", "isal")
PRINT_MODULES = """
import json, sys
from bake.cli import main
code = main(sys.argv[1:])
sys.stdout.flush()
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
SPEC = '[target.a]\ndockerfile-inline = "FROM scratch"\n'

STUBBORN = """
import anyio, sys
from bake.cli.telling import View, tell
from bake.events import RunStarted

async def work(emit):
    emit(RunStarted(run="r", engine="none", targets=("app",), steps=1))
    try:
        await anyio.sleep(60)
    finally:
        if "stubborn" in sys.argv:
            with anyio.CancelScope(shield=True):
                print("cleaning", file=sys.stderr, flush=True)
                await anyio.sleep(60)

sys.exit(tell(work, View("json", (sys.argv[1],))))
"""


def imported(line: str, directory: Path) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES, *line.split()], cwd=directory, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "line", ["--version", "--help", "version", "completion bash", "schema report", "list --json", "print"]
)
def test_what_does_nothing_imports_nothing_heavy(line: str, tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_text(SPEC)
    modules = imported(line, tmp_path)
    assert not modules & set(HEAVY)
    if line.startswith(("-", "version", "completion")):
        assert not modules & {"tomlkit", "msgspec", "sqlite3", "bake.app"}


def interrupted(tmp_path: Path, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
    report = tmp_path / "report.json"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STUBBORN), str(report), *arguments], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert json.loads(process.stderr.readline())["type"] == "run.started"
    process.send_signal(signal.SIGINT)
    return process, report


def test_interrupt_stops_and_reports(tmp_path: Path) -> None:
    process, report = interrupted(tmp_path)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [json.loads(line)["type"] for line in err.splitlines()] == ["diagnostic", "run.finished"]
    found = json.loads(report.read_text())
    assert (found["outcome"], found["exit_code"], found["targets"]["app"]["status"]) == ("cancelled", 130, "cancelled")


def test_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    process, report = interrupted(tmp_path, "stubborn")
    assert process.stderr is not None
    assert "stopping" in process.stderr.readline()
    assert process.stderr.readline() == "cleaning\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130 and not report.exists()


def test_terminated_as_interrupted(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STUBBORN), str(report)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130 and report.exists()


def test_what_the_parent_ignores_stays_ignored(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = subprocess.Popen(
        ["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh", sys.executable, "-c", STUBBORN, str(report)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [json.loads(line)["type"] for line in err.splitlines()] == ["diagnostic", "run.finished"], "stopped once"


def test_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "bake", "schema"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_closed_streams() -> None:
    ran = subprocess.run(["sh", "-c", f"{sys.executable} -m bake --version >&- 2>&-"], check=False)
    assert ran.returncode == 0
    ran = subprocess.run(["sh", "-c", f"{sys.executable} -m bake --no-such 2>&-"], check=False)
    assert ran.returncode == 2


def complete(words: str, directory: Path) -> list[str]:
    environment = {
        **os.environ, "_BAKE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "bake"], cwd=directory, env=environment, capture_output=True, text=True, check=True
    )
    return [line.partition(",")[2] for line in ran.stdout.splitlines()]


def test_completion(tmp_path: Path) -> None:
    assert complete("bake pl", tmp_path) == ["plan"]
    assert "--push" in complete("bake build --pu", tmp_path)
    (tmp_path / "bake.toml").write_text(SPEC.replace("[target.a]", "[target.pluto]"))
    assert complete("bake pl", tmp_path) == ["plan", "pluto"]
    assert complete("bake build pl", tmp_path) == ["pluto"]
    (tmp_path / "bake.toml").write_text(SPEC.replace("[target.a]", "[group.plus]\ntargets = ['pluto']\n[target.pluto]"))
    assert complete("bake build pl", tmp_path) == ["pluto", "plus"]
    (tmp_path / "bake.toml").write_text("broken [")
    assert complete("bake pl", tmp_path) == ["plan"]
