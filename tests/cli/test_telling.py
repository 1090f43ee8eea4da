"""A run told to its end: exit codes, errors on stderr, the report on disk and on stdout, whatever happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot
from recorded_events import FAILURE, SUCCESS

from bake.cli.telling import Emit, View, tell
from bake.errors import BakeError, Diagnostic, HostError, InputError, RemoteError, Source, StepFailed
from bake.events import Event, RunFinished


@dataclass
class Outcome:
    errors: tuple[BakeError, ...] = ()


SOURCE = Source("Dockerfile", "FROM x\nRUN false\n")
STEP = StepFailed(Diagnostic("step-failed", "exit code 1", SOURCE.span(7, 16)), 1)


def told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    events: list[Event],
    end: BaseException | tuple[BakeError, ...] = (),
    progress: Any = "quiet",
) -> tuple[int, str, dict[str, Any]]:
    async def work(emit: Emit) -> Outcome:
        for event in events:
            emit(event)
        if isinstance(end, BaseException):
            raise end
        return Outcome(end)

    file = tmp_path / "report.json"
    code = tell(work, View(progress, (str(file),), True))
    out, err = capsys.readouterr()
    assert out == file.read_text()
    return code, err, json.loads(out)


def test_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err, report = told(tmp_path, capsys, SUCCESS)
    assert (code, err, report["outcome"]) == (0, "", "ok")


def test_failed_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err, report = told(tmp_path, capsys, FAILURE, (STEP,))
    assert (code, report["outcome"], report["exit_code"]) == (1, "failed", 1)
    assert err.startswith("FAILED 1m15s") and err.endswith("  | line 30\n"), "told once, by the renderer"
    assert [d["code"] for d in report["diagnostics"]] == ["offline", "step-failed", "step-failed"]


def test_step_that_never_started_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = StepFailed(Diagnostic("step-failed", "sh: not found", SOURCE.span(7, 16)), None)
    _, err, _ = told(tmp_path, capsys, FAILURE, (missing, STEP))
    assert err.endswith("error[step-failed]: sh: not found\n --> Dockerfile:2:1\n  |\n2 | RUN false\n  | ^^^^^^^^^\n")


@pytest.mark.parametrize("progress", ["plain", "quiet", "json"])
def test_notes_of_errors_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], progress: str) -> None:
    note = Diagnostic("not-published", "no tag was moved", severity="info")
    error = RemoteError([Diagnostic("refused", "no entry"), note])
    code, err, report = told(tmp_path, capsys, SUCCESS[:-1], (error,), progress)
    assert code == 3 and err.count("no tag was moved") == err.count("no entry") == 1
    assert [d["code"] for d in report["diagnostics"]] == ["refused", "not-published"]


def test_wrong_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = InputError([Diagnostic("a", "first", SOURCE.span(0)), Diagnostic("b", "second", hint="do so")])
    code, err, report = told(tmp_path, capsys, [], error)
    assert (code, report["exit_code"], report["outcome"]) == (2, 2, "failed")
    assert err == snapshot("""\
error[a]: first
 --> Dockerfile:1:1
  |
1 | FROM x
  | ^

error[b]: second
  = hint: do so
""")
    assert report["diagnostics"] == snapshot(
        [
            {
                "code": "a",
                "severity": "error",
                "message": "first",
                "file": "Dockerfile",
                "line": 1,
                "column": 1,
                "hint": "",
            },
            {
                "code": "b",
                "severity": "error",
                "message": "second",
                "file": "",
                "line": 0,
                "column": 0,
                "hint": "do so",
            },
        ]
    )


def test_group_of_errors_ends_in_the_highest_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = Diagnostic("refused", "no entry")
    group = BaseExceptionGroup("x", [RemoteError(twice), BaseExceptionGroup("y", [STEP, RemoteError(twice)])])
    code, err, report = told(tmp_path, capsys, SUCCESS[:4], group)
    assert code == report["exit_code"] == 3
    assert err.count("no entry") == 1 and "exit code 1" in err
    assert [step["status"] for step in report["steps"]] == ["cached", "cancelled"]


def test_a_run_that_broke_off_is_not_called_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = RunFinished(outcome="cancelled", exit_code=130, duration_s=1.0)
    code, _, report = told(tmp_path, capsys, [*SUCCESS[:4], ended], HostError(Diagnostic("disk-full", "no space")))
    assert (code, report["exit_code"], report["outcome"]) == (4, 4, "failed")


def test_defect(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("BAKE_DEBUG", raising=False)
    code, err, report = told(tmp_path, capsys, SUCCESS[:4], ZeroDivisionError("by nothing"))
    (file,) = (tmp_path / "state" / "bake").iterdir()
    assert (code, report["exit_code"]) == (70, 70)
    assert err.replace(str(file), "FILE") == snapshot("""\
error[defect]: this is a defect of bake, not of your build: ZeroDivisionError: by nothing
  = hint: please report it with FILE
""")
    assert "ZeroDivisionError: by nothing" in file.read_text() and "Traceback" in file.read_text()


def test_defect_while_debugging(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKE_DEBUG", "1")
    _, err, _ = told(tmp_path, capsys, [], ZeroDivisionError("by nothing"))
    assert err.startswith("Traceback")


def test_full_disk_is_no_defect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, err, _ = told(tmp_path, capsys, [], OSError(28, "No space left on device", "/store/x"))
    assert code == 4
    assert err == snapshot("""\
error[disk-full]: no space left on the device: /store/x
  = hint: `bake cache prune` frees space in the store
""")


def test_json_progress_is_json_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err, _ = told(tmp_path, capsys, FAILURE, (STEP,), "json")
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines[-1]["type"] == "run.finished"
    assert lines[-2]["diagnostic"]["file"] == "Dockerfile"


@pytest.mark.parametrize(("errors", "expected"), [((), 0), ((RemoteError(Diagnostic("refused", "no entry")),), 3)])
def test_unwritable_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], errors: tuple[BakeError, ...], expected: int
) -> None:
    async def work(_emit: Emit) -> Outcome:
        return Outcome(errors)

    (tmp_path / "x.json").mkdir()
    other = tmp_path / "y.json"
    assert tell(work, View("quiet", (str(tmp_path / "x.json"), str(other)), True)) == expected
    out, err = capsys.readouterr()
    assert "error[report]: cannot write the report" in err
    assert out == other.read_text(), "what can be written is"


def test_all_forms_of_a_report_are_written_whatever_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name for name in ("x.json", "x.md", "x.html")]

    async def work(emit: Emit) -> Outcome:
        for event in FAILURE[:-1]:
            emit(event)
        raise HostError(Diagnostic("disk-full", "no space"))

    assert tell(work, View("quiet", [str(file) for file in files])) == 4
    assert "no space" in capsys.readouterr().err
    report, markdown, page = (file.read_text() for file in files)
    assert json.loads(report)["exit_code"] == 4
    assert markdown.startswith("## ❌ bake: failed") and "no space" in markdown
    assert page.startswith("<!doctype html>") and "no space" in page
