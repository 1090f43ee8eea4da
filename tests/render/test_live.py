"""The live picture as a pure function: any width, any height, hostile and wide text."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from inline_snapshot import snapshot
from recorded_events import MAKE, SUCCESS, log, step

from bake.events import BlobFinished, BlobStarted, RunStarted, StepProgress, StepStarted
from bake.render.live import Live, lines
from bake.render.width import cells


def picture(live: Live, now: float, width: int, height: int) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines(live, now, width, height))


def after(count: int) -> Live:
    live = Live(0.0)
    for number, event in enumerate(SUCCESS[:count]):
        live.event(event, number / 10)
    return live


def test_wide_terminal() -> None:
    assert picture(after(11), 7.5, 100, 24) == snapshot("""\
bake 7.5s  1/3 steps  1 cached
   7.3s [app build 1] RUN pip install fastapi │ ::error::obey me ##[group]x
   6.9s [app +2 build 2] COPY . /src │ copying 日本
   pull ━━━━━━━━──────────── 2.0 MB / 5.0 MB  1 under way\
""")


def test_forty_columns() -> None:
    assert picture(after(11), 7.5, 40, 24) == snapshot("""\
bake 7.5s  1/3 steps  1 cached
   7.3s [app build 1] RUN pip install…
   6.9s [app +2 build…] COPY . /src
   pull ━━━━━━━━──────────── 2.0 MB /…\
""")


def test_before_the_plan_is_made() -> None:
    assert picture(Live(0.0), 61.0, 80, 24) == snapshot("bake 1m01s  planning")


def test_more_steps_than_lines() -> None:
    live = Live(0.0)
    live.event(RunStarted(run="r", engine="embedded", targets=("app",), steps=50), 0.0)
    for number in range(50):
        live.event(StepStarted(step=step(str(number), number, f"RUN {number}")), 0.0)
    assert picture(live, 1.0, 80, 8) == snapshot("""\
bake 1.0s  0/50 steps
   1.0s [app build 0] RUN 0
   1.0s [app build 1] RUN 1
   1.0s [app build 2] RUN 2
   1.0s [app build 3] RUN 3
   1.0s [app build 4] RUN 4
  … and 45 more\
""")


def test_progress_of_a_step() -> None:
    live = Live(0.0)
    live.event(StepStarted(step=MAKE), 0.0)
    live.event(StepProgress(id="make", text="downloading base", current=1_500_000, total=30_000_000), 0.0)
    assert picture(live, 1.0, 100, 8) == snapshot("""\
bake 1.0s  planning
   1.0s [web build 3] RUN make -j4 all │ downloading base 1.5 MB / 30.0 MB\
""")


def test_transfers_count_only_what_must_cross() -> None:
    live = Live(0.0)
    for digest, size in (("1", 4_000_000), ("2", 6_000_000)):
        live.event(BlobStarted(digest=digest, size=size, direction="push", repository="r"), 0.0)
    live.event(BlobFinished(digest="1", size=4_000_000, direction="push", repository="r", outcome="present"), 0.0)
    assert "0 B / 6.0 MB  1 under way" in picture(live, 1.0, 100, 8)


def test_memory_does_not_grow_with_finished_steps() -> None:
    live = after(len(SUCCESS) - 1)
    assert not live.running and not any(way.open for way in live.directions.values())


@given(
    st.integers(1, 120),
    st.integers(1, 40),
    st.text(max_size=60),
    st.lists(st.text(max_size=200), max_size=3),
    st.floats(0, 1e6),
)
def test_fits_every_terminal(width: int, height: int, instruction: str, said: list[str], now: float) -> None:
    live = after(11)
    for number in range(4):
        live.event(StepStarted(step=step(f"s{number}", number, instruction, ("日本語" * 20,))), 0.0)
        for event in log(f"s{number}", *said):
            live.event(event, 0.0)
    shown = lines(live, now, width, height)
    assert len(shown) <= max(1, height - 1)
    for line in shown:
        text = "".join(part for part, _ in line)
        assert cells(text) <= max(10, width - 1)
        assert "\x1b" not in text and "\n" not in text and "\r" not in text
