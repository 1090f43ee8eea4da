"""The report is right at every moment of a run."""

from __future__ import annotations

import io
import json

import pytest
from inline_snapshot import snapshot
from recorded_events import FAILURE, PIP, SUCCESS

from bake.events import Event, StepLog, Transfers
from bake.render.jsonl import JsonLines
from bake.render.quiet import QuietRenderer
from bake.render.report import ReportFold, report_json


def fold(events: list[Event]) -> ReportFold:
    folded = ReportFold()
    for event in events:
        folded.event(event)
    return folded


def test_success() -> None:
    report = fold(SUCCESS).report()
    assert (report.outcome, report.exit_code, report.engine, report.duration_s) == ("ok", 0, "embedded", 13.0)
    assert [(step.id, step.status) for step in report.steps] == snapshot(
        [("user", "cached"), ("copy", "run"), ("pip", "run")]
    )
    assert report.transfers == snapshot(
        Transfers(pushed_bytes=5000, pulled_bytes=5000000, blobs_pushed=1, blobs_mounted=0, blobs_present=1)
    )
    assert list(report.targets) == ["app"] and report.targets["app"].published


def test_failure() -> None:
    assert json.loads(report_json(fold(FAILURE).report())) == snapshot(
        {
            "version": 1,
            "outcome": "failed",
            "exit_code": 1,
            "engine": "embedded",
            "duration_s": 88.1,
            "targets": {
                "app": {
                    "status": "cancelled",
                    "platforms": {},
                    "digest": "",
                    "tags": ["app:1"],
                    "published": False,
                    "metadata": {"size": 0, "labels": {}},
                    "duration_s": 0.2,
                    "needs": [],
                },
                "web": {
                    "status": "failed",
                    "platforms": {},
                    "digest": "",
                    "tags": [],
                    "published": False,
                    "metadata": {"size": 0, "labels": {}},
                    "duration_s": 75.2,
                    "needs": [],
                },
            },
            "steps": [
                {
                    "id": "make",
                    "targets": ["web"],
                    "platform": "linux/amd64",
                    "target_platform": "",
                    "stage": "build",
                    "ordinal": 3,
                    "instruction": """\
RUN make \\
    -j4 all\
""",
                    "at": "Dockerfile:4",
                    "builder": "",
                    "status": "failed",
                    "why": {"kind": "arg", "detail": "V: '1' → '2'"},
                    "started_s": 0.0,
                    "duration_s": 75.2,
                    "exit_code": 2,
                    "needs": [],
                    "size": 0,
                },
                {
                    "id": "late",
                    "targets": ["web"],
                    "platform": "linux/amd64",
                    "target_platform": "",
                    "stage": "build",
                    "ordinal": 5,
                    "instruction": "RUN never",
                    "at": "Dockerfile:6",
                    "builder": "",
                    "status": "skipped",
                    "why": None,
                    "started_s": 0.0,
                    "duration_s": 0.0,
                    "exit_code": None,
                    "needs": [],
                    "size": 0,
                },
                {
                    "id": "copy",
                    "targets": ["app", "web", "worker"],
                    "platform": "linux/amd64",
                    "target_platform": "",
                    "stage": "build",
                    "ordinal": 2,
                    "instruction": "COPY . /src",
                    "at": "Dockerfile:3",
                    "builder": "",
                    "status": "cancelled",
                    "why": {"kind": "file", "detail": "main.py changed"},
                    "started_s": 0.0,
                    "duration_s": 0.2,
                    "exit_code": None,
                    "needs": [],
                    "size": 0,
                },
                {
                    "id": "pip",
                    "targets": ["app"],
                    "platform": "linux/amd64",
                    "target_platform": "",
                    "stage": "build",
                    "ordinal": 1,
                    "instruction": "RUN pip install fastapi",
                    "at": "Dockerfile:2",
                    "builder": "",
                    "status": "cancelled",
                    "why": None,
                    "started_s": 0.0,
                    "duration_s": 0.0,
                    "exit_code": None,
                    "needs": [],
                    "size": 0,
                },
            ],
            "transfers": {
                "pushed_bytes": 0,
                "pulled_bytes": 0,
                "blobs_pushed": 0,
                "blobs_mounted": 0,
                "blobs_present": 0,
            },
            "diagnostics": [
                {
                    "code": "offline",
                    "severity": "warning",
                    "message": "r is out of reach",
                    "file": "bake.toml",
                    "line": 3,
                    "column": 1,
                    "hint": "the digest known last is used",
                },
                {
                    "code": "step-failed",
                    "severity": "error",
                    "message": "exit code 2",
                    "file": "",
                    "line": 0,
                    "column": 0,
                    "hint": "",
                },
            ],
        }
    )


def test_cut_off_run() -> None:
    report = fold(SUCCESS[:7]).report()
    assert (report.outcome, report.exit_code) == ("cancelled", 130)
    assert {step.id: step.status for step in report.steps} == {
        "user": "cached",
        "pip": "cancelled",
        "copy": "cancelled",
    }
    assert report.targets["app"].status == "cancelled"


@pytest.mark.parametrize("length", range(len(FAILURE) + 1))
def test_any_prefix_gives_a_report(length: int) -> None:
    assert json.loads(report_json(fold(FAILURE[:length]).report()))["version"] == 1


def test_json_lines() -> None:
    stream = io.StringIO()
    renderer = JsonLines(stream)
    for event in SUCCESS:
        renderer.event(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["type"] for line in lines] == snapshot(
        [
            "run.started",
            "step.finished",
            "step.started",
            "step.log",
            "step.log",
            "step.log",
            "step.started",
            "step.progress",
            "step.log",
            "blob.started",
            "blob.progress",
            "step.finished",
            "step.log",
            "blob.finished",
            "step.finished",
            "blob.finished",
            "blob.finished",
            "tag.published",
            "tag.published",
            "target.finished",
            "run.finished",
        ]
    )


def test_text_that_is_no_unicode() -> None:
    stream = io.StringIO()
    JsonLines(stream).event(StepLog(id="a", stream="stdout", text="\udc80é"))
    assert json.loads(stream.getvalue())["text"] == "\udc80é"


def test_quiet_shows_only_what_failed() -> None:
    stream = io.StringIO()
    renderer = QuietRenderer(stream, {})
    for event in [*SUCCESS, *FAILURE]:
        renderer.event(event)
    text = stream.getvalue()
    assert text.splitlines()[:3] == snapshot(
        ["FAILED 1m15s [web build 3] RUN make -j4 all", "  Dockerfile:4, exit code 2", "  | line 11"]
    )
    assert len(text.splitlines()) == 22 and PIP.instruction not in text
