"""The Python API on the walkthrough: what the command line says, as objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

import bake
from bake.errors import BakeError

Built = Any


def load(built: Built) -> bake.Spec:
    return bake.load(built.walk.top / "bake.toml", environment=built.walk.environment)


def test_targets_are_those_of_the_command_line(built: Built) -> None:
    spec = load(built)
    printed = built.walk.json("print", "all")["target"]
    assert set(spec.targets) == set(printed)
    assert list(spec.targets["hello"].tags) == printed["hello"]["tags"]
    assert spec.targets[f"main-{built.python}-0.115"].axes == {"python": built.python, "fastapi": "0.115"}


def test_plan_and_build_agree_with_the_command_line(built: Built) -> None:
    spec = load(built)
    planned = spec.plan("hello", "main")
    assert {step.status for step in planned.steps} == {"cached"}
    said = built.walk.json("plan", "hello", "main", "--json")["steps"]
    assert [(step.id, step.status) for step in planned.steps] == [(row["id"], row["status"]) for row in said]
    events: list[bake.Event] = []
    report = anyio.run(lambda: spec.build("hello", "main", on_event=events.append))
    assert report.outcome == "ok"
    assert report.targets["hello"].status == "unchanged"
    assert [(step.id, step.status) for step in report.steps] == [(row["id"], row["status"]) for row in said]
    assert type(events[0]).__name__ == "RunStarted"
    assert type(events[-1]).__name__ == "RunFinished"


def test_publishing(built: Built) -> None:
    report = anyio.run(lambda: load(built).build("hello", push=True))
    assert report.targets["hello"].published
    assert report.transfers.pushed_bytes == 0


def test_a_plan_inside_a_running_loop(built: Built) -> None:
    """As in a notebook."""

    async def work() -> int:
        return len(load(built).plan("hello").steps)

    assert anyio.run(work) > 0


def test_what_is_wrong_is_raised_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_text("[target.a]\nkontext = '.'\n")
    with pytest.raises(BakeError) as caught:
        bake.load(tmp_path)
    (found,) = caught.value.diagnostics
    assert (found.code, found.span and found.span.line) == ("unknown-key", 2)
