"""The live view on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest
from inline_snapshot import snapshot
from recorded_events import COPY, FAILURE, FILE, PIP, SUCCESS, finished, log
from screen import Screen

from bake.events import DiagnosticFound, DiagnosticInfo, Event, RunStarted, StepStarted
from bake.render.renderer import renderer_for
from bake.render.style import Style
from bake.render.tty import TtyRenderer, finished_line
from bake.render.width import cells

ENVIRONMENT = {"TERM": "xterm-256color"}


class Terminal:
    """A pseudo-terminal whose output is read all the time."""

    def __init__(self, columns: int, lines: int) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.stream: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self.resize(columns, lines)
        self._bytes: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        try:
            while data := os.read(self.master, 65536):
                self._bytes.append(data)
        except OSError:  # the other side has been closed
            pass

    def written(self) -> str:
        """Everything, once the stream is closed. Raw mode adds no carriage returns, so that they are added here."""
        self.stream.close()
        self._reader.join(10)
        os.close(self.master)
        return b"".join(self._bytes).decode().replace("\n", "\r\n")


@contextmanager
def shown(terminal: Terminal, environment: dict[str, str] | None = None) -> Iterator[TtyRenderer]:
    renderer = TtyRenderer(terminal.stream, environment or ENVIRONMENT)
    try:
        yield renderer
    finally:
        renderer.close()


def screen_after(events: list[Event], columns: int = 100) -> Screen:
    terminal = Terminal(columns, 24)
    with shown(terminal) as renderer:
        for event in events:
            renderer.event(event)
    screen = Screen(columns)
    screen.feed(terminal.written())
    return screen


def test_success_leaves_finished_steps_and_a_table() -> None:
    screen = screen_after(SUCCESS)
    assert screen.cursor_shown
    assert screen.text() == snapshot("""\
CACHED [app] USER app
DONE 0.4s [app +2] COPY . /src  (main.py changed)
DONE 12.3s [app] RUN pip install fastapi  (never built)
published localhost:5000/app:1  sha256:abababababababababababababababababababababababababababababab…
already published localhost:5000/app:latest  sha256:abababababababababababababababababababababababa…

TARGET  STATUS             TIME  STEPS            TAGS                           DIGEST
app     built, published  12.7s  1 cached, 2 run  localhost:5000/app:1, localh…  sha256:abababababab
to localhost:5000/app: 1 blob pushed, 1 blob already there (5.0 kB)
pulled 5.0 MB
done in 13.0s: 3 steps, 1 cached, 2 run\
""")


def test_failure_shows_the_last_lines() -> None:
    assert screen_after(FAILURE).text() == snapshot("""\
warning[offline]: r is out of reach
 --> bake.toml:3:1
  = hint: the digest known last is used
FAILED 1m15s [web build 3] RUN make -j4 all
  Dockerfile:4, exit code 2
  | line 11
  | line 12
  | line 13
  | line 14
  | line 15
  | line 16
  | line 17
  | line 18
  | line 19
  | line 20
  | line 21
  | line 22
  | line 23
  | line 24
  | line 25
  | line 26
  | line 27
  | line 28
  | line 29
  | line 30
SKIPPED [web] RUN never
CANCELLED [app +2] COPY . /src  (main.py changed)

TARGET  STATUS      TIME  STEPS                             TAGS
app     cancelled   0.2s  2 cancelled                       app:1
web     failed     1m15s  1 failed, 1 skipped, 1 cancelled
failed after 1m28s: 4 steps, 1 failed, 1 skipped, 2 cancelled\
""")


def test_forty_columns() -> None:
    assert screen_after(SUCCESS, 40).text() == snapshot("""\
CACHED [app] USER app
DONE 0.4s [app +2] COPY . /src  (main.…
DONE 12.3s [app] RUN pip ins…  (never…
published localhost:5000/app:1  sha256:…
already published localhost:5000/app:la…

TARGET  STATUS             TIME
app     built, published  12.7s
to localhost:5000/app: 1 blob pushed, 1
blob already there (5.0 kB)
pulled 5.0 MB
done in 13.0s: 3 steps, 1 cached, 2 run\
""")


def test_live_lines_are_drawn_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bake.render.tty._PERIOD", 0.001)
    terminal = Terminal(100, 24)
    with shown(terminal) as renderer:
        for event in SUCCESS[:11]:
            renderer.event(event)
        drawn = threading.Event()
        for _ in range(200):
            drawn.wait(0.005)
            if b"".join(terminal._bytes).count(b"RUN pip") > 1:
                break
    written = terminal.written()
    assert "copying 日本" in written and "2.0 MB / 5.0 MB" in written
    screen = Screen(100)
    screen.feed(written)
    assert screen.cursor_shown and screen.text() == "CACHED [app] USER app"


def test_few_frames_however_many_events() -> None:
    terminal = Terminal(100, 24)
    events = [RunStarted(run="r", engine="e", targets=("app",), steps=5000), StepStarted(step=PIP)]
    with shown(terminal) as renderer:
        for event in events:
            renderer.event(event)
        for number in range(5000):
            renderer.event(log("pip", f"line {number}")[0])
            renderer.event(finished(COPY, "cached"))
    written = terminal.written()
    assert written.count("bake ") < 500
    assert written.count("CACHED") == 5000


def test_hostile_log_moves_nothing() -> None:
    terminal = Terminal(100, 24)
    with shown(terminal) as renderer:
        renderer.event(StepStarted(step=PIP))
        for event in log("pip", "\x1b[2J\x1b[H\x1b]0;owned\x07\x1b[10A evil"):
            renderer.event(event)
        renderer.event(finished(PIP, "failed", 1.0, FILE, 1))
    written = terminal.written()
    assert "evil" in written and "owned" not in written
    assert not any(evil in written for evil in ("\x1b[2J", "\x1b[H", "\x1b[10A", "\x07"))


def test_resizing_while_running() -> None:
    terminal = Terminal(100, 24)
    with shown(terminal) as renderer:
        for number, event in enumerate(SUCCESS[:-1]):
            terminal.resize(*((100, 24), (40, 10), (15, 3), (200, 50))[number % 4])
            renderer.event(event)
            renderer._draw_on(renderer._display)  # type: ignore[arg-type]
        terminal.resize(100, 24)
        renderer.event(SUCCESS[-1])
    assert "3 steps, 1 cached, 2 run" in terminal.written()


def test_no_colour() -> None:
    terminal = Terminal(100, 24)
    with shown(terminal, {**ENVIRONMENT, "NO_COLOR": "1"}) as renderer:
        for event in FAILURE:
            renderer.event(event)
    written = terminal.written()
    assert "\x1b[31m" not in written and "\x1b[1;31m" not in written and "\x1b[36m" not in written


def test_note_while_stopping_stays_on_the_screen() -> None:
    note = DiagnosticInfo(code="interrupted", severity="info", message="stopping")
    assert "info[interrupted]: stopping" in screen_after([*SUCCESS[:4], DiagnosticFound(diagnostic=note)]).text()


def test_a_terminal_that_goes_away_stops_only_the_drawing() -> None:
    master, slave = os.openpty()
    stream = os.fdopen(slave, "w", encoding="utf-8")
    renderer = TtyRenderer(stream, ENVIRONMENT)
    renderer.event(SUCCESS[0])
    os.close(master)
    for event in SUCCESS[1:]:
        renderer.event(event)
    renderer.close()
    with suppress(OSError):
        stream.close()


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_a_finished_step_takes_one_line(width: int) -> None:
    step = finished(COPY, "run", 12.0, FILE).step
    assert cells(finished_line(step, width, Style()).rstrip("\n")) <= width


def test_choice() -> None:
    terminal = Terminal(80, 24)
    names = [
        type(renderer_for("auto", terminal.stream, environment)).__name__
        for environment in (ENVIRONMENT, {"TERM": "dumb"}, {}, {**ENVIRONMENT, "CI": "true"})
    ]
    assert names == ["TtyRenderer", "PlainRenderer", "PlainRenderer", "PlainRenderer"]
    kinds = [type(renderer_for(p, terminal.stream, ENVIRONMENT)).__name__ for p in ("tty", "plain", "json", "quiet")]
    assert kinds == ["TtyRenderer", "PlainRenderer", "JsonLines", "QuietRenderer"]
    terminal.written()
