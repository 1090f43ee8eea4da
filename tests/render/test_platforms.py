"""Where images are built for several platforms, lines tell which one they are about; else no line is longer for it."""

from __future__ import annotations

import io

import msgspec
import pytest
from recorded_events import PIP, finished, log

from bake.events import Event, RunStarted, StepStarted
from bake.render.live import Live, lines
from bake.render.plain import PlainRenderer

BOTH = ("linux/amd64", "linux/arm64")
ARM = msgspec.structs.replace(PIP, platform="linux/arm64")


def events(platforms: tuple[str, ...]) -> list[Event]:
    begin = RunStarted(run="r", engine="embedded", targets=("app",), steps=2, platforms=platforms)
    return [begin, StepStarted(step=ARM), *log(ARM.id, "hello"), finished(ARM, "run")]


@pytest.mark.parametrize("platforms", [BOTH, BOTH[:1]])
def test_plain(platforms: tuple[str, ...]) -> None:
    out = io.StringIO()
    renderer = PlainRenderer(out, {})
    for event in events(platforms):
        renderer.event(event)
    told = [line for line in out.getvalue().splitlines() if "pip" in line or "hello" in line]
    assert len(told) == 3
    assert all(("linux/arm64" in line) is (len(platforms) > 1) for line in told)


@pytest.mark.parametrize("platforms", [BOTH, BOTH[:1]])
def test_live(platforms: tuple[str, ...]) -> None:
    live = Live(0.0)
    for event in events(platforms)[:2]:
        live.event(event, 0.0)
    text = "\n".join("".join(part for part, _ in line) for line in lines(live, 1.0, 120, 20))
    assert ("linux/arm64" in text) is (len(platforms) > 1)
