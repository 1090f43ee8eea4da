"""Renderers that say little: nothing while all is cached, warnings only."""

from __future__ import annotations

import io

import pytest
from recorded_events import COPY, FAILURE, PIP, SUCCESS, USER, finished

from bake.events import Event, RunFinished
from bake.render.brief import Brief
from bake.render.plain import PlainRenderer
from bake.render.warnings import Warnings

END = RunFinished(outcome="ok", exit_code=0, duration_s=0.1)


def brief(events: list[Event]) -> str:
    stream = io.StringIO()
    renderer = Brief(lambda: PlainRenderer(stream, {}))
    for event in events:
        renderer.event(event)
    renderer.close()
    return stream.getvalue()


def test_cached_runs_are_silent() -> None:
    assert brief([SUCCESS[0], finished(USER, "cached"), finished(PIP, "cached"), END]) == ""


@pytest.mark.parametrize("events", [SUCCESS, FAILURE])
def test_else_nothing_is_missed(events: list[Event]) -> None:
    whole = io.StringIO()
    renderer = PlainRenderer(whole, {})
    for event in events:
        renderer.event(event)
    assert brief(events) == whole.getvalue()


def test_failure_without_start_is_told() -> None:
    assert "FAILED" in brief([SUCCESS[0], finished(COPY, "failed"), END])


def test_a_run_that_never_began_has_no_ending() -> None:
    stream = io.StringIO()
    PlainRenderer(stream, {}).event(RunFinished(outcome="failed", exit_code=2, duration_s=0.1))
    assert stream.getvalue() == ""


def test_warnings_only() -> None:
    stream = io.StringIO()
    renderer = Warnings(stream, {})
    for event in FAILURE:
        renderer.event(event)
    assert stream.getvalue() == (
        "warning[offline]: r is out of reach\n --> bake.toml:3:1\n  = hint: the digest known last is used\n"
    )
