"""The schemas in schemas/ are current, and what is written keeps to them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from recorded_events import FAILURE, SUCCESS

from bake.events import Event, StepFinished
from bake.render.jsonl import JsonLines
from bake.render.plan import plan_json
from bake.render.report import ReportFold, report_json
from bake.render.schema import KINDS, schema, text_of
from bake.solve.planned import PlannedStep, PlannedTarget, PlanReport

FILES = Path(__file__).parents[2] / "schemas"


def check(kind: str, value: Any) -> None:
    Draft202012Validator(json.loads((FILES / f"{kind}.schema.json").read_text())).validate(value)


@pytest.mark.parametrize("kind", KINDS)
def test_file_is_current(kind: str) -> None:
    assert (FILES / f"{kind}.schema.json").read_text() == text_of(kind), "run `python -m bake.render.schema`"
    Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("events", [SUCCESS, SUCCESS[:6], FAILURE, []])
def test_report(events: list[Event]) -> None:
    fold = ReportFold()
    for event in events:
        fold.event(event)
    check("report", json.loads(report_json(fold.report())))


def test_every_event() -> None:
    stream = io.StringIO()
    renderer = JsonLines(stream)
    for event in [*SUCCESS, *FAILURE]:
        renderer.event(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line in lines:
        check("events", line)
    known = {variant["properties"]["type"]["enum"][0] for variant in schema("events")["$defs"].values()
             if "type" in variant.get("properties", {})}  # fmt: skip
    assert known - {line["type"] for line in lines} == set()


def test_wrong_values_are_refused() -> None:
    for kind, value in (("report", {"version": 1}), ("events", {"type": "step.eaten"}), ("plan", [])):
        assert not Draft202012Validator(schema(kind)).is_valid(value)


def test_plan() -> None:
    steps = [event.step for event in [*SUCCESS, *FAILURE] if isinstance(event, StepFinished)]
    planned = tuple(PlannedStep(**msgspec.structs.asdict(step), estimate_s=1.5) for step in steps)
    targets = {"app": PlannedTarget(status="run", push=("localhost:5000/app:1",))}
    check("plan", json.loads(plan_json(PlanReport(steps=planned, targets=targets, estimate_s=1.0))))
