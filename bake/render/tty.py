"""The live view of a terminal: a few lines that change, above them what is finished, at the end a table.

Events only change the state; a thread draws ten times a second, so that the cost is bounded however fast events come,
and the clock goes on when none do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TextIO

from rich.console import Console, ConsoleDimensions
from rich.control import Control
from rich.live import Live as LiveDisplay
from rich.segment import ControlType
from rich.text import Text

from bake.events import DiagnosticFound, Event, RunFinished, StepFinished, StepReport, TagPublished
from bake.render.diagnostics import render_info
from bake.render.ending import Ending, failure
from bake.render.live import Line, Live, fit, lines
from bake.render.sanitize import clean
from bake.render.style import Style, style_for, terminal_size
from bake.render.tails import Tails
from bake.render.width import cells, cut
from bake.render.words import STATUS, instruction, names, platform, reason, seconds

_RICH = {
    "error": "bold red", "warning": "bold yellow", "info": "bold cyan", "place": "cyan", "gutter": "dim",
    "hint": "bold green", "bold": "bold", "dim": "dim", "good": "green", "bad": "red", "busy": "yellow", "": "",
}  # fmt: skip
_ERASE_UPWARD = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
_PERIOD = 0.1
_NARROWEST = 10


class TtyRenderer:
    """See the module. Drawing starts at once and ends with `RunFinished` or `close`."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str], clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._style = style_for(stream, environment)
        self._clock = clock
        self._console = Console(
            file=stream, force_terminal=True, no_color=not self._style.colour, highlight=False, markup=False,
            emoji=False, _environ=dict(environment),
        )  # fmt: skip
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._live = Live(clock())
        self._ending = Ending()
        self._tails = Tails()
        self._above: list[str] = []
        self._drawn: list[int] = []
        self._display: LiveDisplay | None = None
        self._thread: threading.Thread | None = None
        self._trouble: Exception | None = None
        self._gone = False
        self._start()

    def event(self, event: Event) -> None:
        with self._lock:
            self._live.event(event, self._clock())
            self._ending.event(event)
            self._tails.event(event)
            self._tell(event)
        if isinstance(event, RunFinished):
            self.close()

    def close(self) -> None:
        """Raises what went wrong while drawing, unless it was that the terminal has gone."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        display, self._display = self._display, None
        if display is not None and self._trouble is None and not self._gone:
            with suppress(OSError):
                self._draw_on(display)
                display.stop()
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    # What is printed above the changing lines

    def _tell(self, event: Event) -> None:
        match event:
            case StepFinished():
                if event.step.status == "failed":
                    self._above.append(
                        failure(event.step, self._tails.take(event.step.id), self._style, self._live.several)
                    )
                elif event.step.status != "cancelled" or event.step.duration_s:  # what never began is only counted
                    self._above.append(finished_line(event.step, self._columns(), self._style, self._live.several))
            case TagPublished():
                verb = "already published" if event.unchanged else "published"
                self._above.append(cut(f"{verb} {clean(event.tag)}  {event.digest}", self._columns()) + "\n")
            case DiagnosticFound():
                if event.diagnostic.severity != "error":
                    self._above.append(render_info(event.diagnostic, self._style))
            case RunFinished():
                self._above.append(self._ending.text(event, self._columns(), self._style))

    def _columns(self) -> int:
        return max(_NARROWEST, terminal_size(self._stream)[0])

    # Drawing

    def _start(self) -> None:
        self._display = LiveDisplay(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False,
            vertical_overflow="crop",
        )  # fmt: skip
        self._display.start()
        self._thread = threading.Thread(target=self._draw, args=(self._display,), name="bake-tty", daemon=True)
        self._thread.start()

    def _draw(self, display: LiveDisplay) -> None:
        try:
            while not self._stop.wait(_PERIOD):
                self._draw_on(display)
        except OSError:  # the terminal has gone: nobody looks any more
            self._gone = True
        except Exception as trouble:
            self._trouble = trouble

    def _draw_on(self, display: LiveDisplay) -> None:
        with self._lock:
            above, self._above = "".join(self._above), []
            width, height = terminal_size(self._stream)
            self._console.size = ConsoleDimensions(width, height)
            shown = lines(self._live, self._clock(), width, height)
        self._console.control(Control(*[part for _ in range(self._wrapped(width)) for part in _ERASE_UPWARD]))
        self._drawn = [_width(line) for line in shown]
        display.update(_text(shown))
        if above:
            self._console.print(Text.from_ansi(above.rstrip("\n")), soft_wrap=True)
        else:
            display.refresh()

    def _wrapped(self, width: int) -> int:
        """How many rows more the drawn lines take since the terminal was made narrower: it has wrapped them."""
        return sum(max(0, (columns - 1) // width) for columns in self._drawn)


def _width(line: Line) -> int:
    return sum(cells(text) for text, _ in line)


def _text(shown: list[Line]) -> Text:
    return Text("\n", no_wrap=True, overflow="crop").join(
        Text.assemble(*((text, _RICH[meaning]) for text, meaning in line)) for line in shown
    )


def finished_line(step: StepReport, width: int, style: Style, several: bool = False) -> str:
    """`DONE 0.3s  [app] RUN make  (Makefile changed)` in one line of the terminal; the instruction gives way first."""
    word, meaning = STATUS[step.status]
    took = f" {seconds(step.duration_s)}" if step.status == "run" else ""
    head = f"{word}{took}"
    who = f"{names(step.targets)} {platform(step)}" if several else names(step.targets)
    where = f" [{cut(who, max(8, width // 3))}] "
    why = f"  ({reason(step.why)})" if step.why else ""
    rest = width - 1 - cells(head) - cells(where)
    what = cut(instruction(step), max(12, rest - cells(why), rest // 2))
    why = cut(why, max(0, rest - cells(what)))
    line = fit(((head, meaning), (where, "place"), (what, ""), (why, "dim")), width)
    return "".join(style.paint(meaning, text) if meaning else text for text, meaning in line) + "\n"
