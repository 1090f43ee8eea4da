"""The output for CI: the lines of a step stay together, behind the names of its targets.

A step that runs alone is shown live; when several run, each is shown when it ends. What nobody wants in a log file
(progress of transfers, lines that move) is left out. At the end stands a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import TextIO

from bake.events import (
    DiagnosticFound,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepInfo,
    StepLog,
    StepProgress,
    StepReport,
    StepStarted,
    TagPublished,
)
from bake.render.diagnostics import render_info
from bake.render.ending import Ending, failure
from bake.render.sanitize import clean
from bake.render.sections import sections_for
from bake.render.style import columns, style_for
from bake.render.tails import Tails
from bake.render.words import STATUS, builder, count, instruction, names, place, platform, reason, status_word

_MOST_HELD = 1_000_000
"""Characters of a step's output that are held back; more is printed before the step has ended."""
_MOST_NOTES = 3


@dataclass
class _Block:
    """The output of a running step that is not printed yet."""

    started: StepStarted
    lines: list[str] = field(default_factory=list)
    held: int = 0
    headed: bool = False
    notes: list[str] = field(default_factory=list)


class PlainRenderer:
    """See the module. `environment` tells the CI system, `clock` gives unix seconds to GitLab."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str], clock: Callable[[], float] = time) -> None:
        self._stream = stream
        self._style = style_for(stream, environment)
        self._sections = sections_for(environment, clock)
        self._blocks: dict[str, _Block] = {}
        self._live: str | None = None
        self._several = False
        self._spread = False
        self._ending = Ending()
        self._tails = Tails()
        self._failures: list[str] = []

    def event(self, event: Event) -> None:
        self._ending.event(event)
        self._tails.event(event)
        self._write(self._text(event))

    def close(self) -> None:
        self._write(self._suspend())

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(self._sections.guard(text))
            self._stream.flush()

    def _text(self, event: Event) -> str:
        match event:
            case RunStarted():
                self._several, self._spread = len(event.platforms) > 1, len(event.builders) > 1
                what = f"{count(len(event.targets), 'target')}, {count(event.steps, 'step')}"
                return f"building {what} with the {event.engine} engine\n"
            case StepStarted():
                self._blocks[event.step.id] = _Block(event)
                return self._turn()
            case StepLog():
                return self._log(event.id, event.text)
            case StepProgress():
                return self._note(event)
            case StepFinished():
                return self._finished(event.step)
            case TagPublished():
                verb = "already published" if event.unchanged else "published"
                return f"[{clean(event.target)}] {verb} {clean(event.tag)}  {event.digest}\n"
            case DiagnosticFound():
                return render_info(event.diagnostic, self._style) if event.diagnostic.severity != "error" else ""
            case RunFinished():
                ended = self._ending.text(event, columns(self._stream), self._style)
                return self._suspend() + "".join(f"\n{failed}" for failed in self._failures) + ended
        return ""

    # Which step is live

    def _turn(self) -> str:
        """Makes the only running step the live one; with several none is."""
        alone = next(iter(self._blocks)) if len(self._blocks) == 1 else None
        if alone == self._live:
            return ""
        text = self._suspend()
        if alone is None:
            return text
        self._live = alone
        return text + self._opened(self._blocks[alone])

    def _suspend(self) -> str:
        live, self._live = self._live, None
        return self._sections.close(live) if live is not None else ""

    def _opened(self, block: _Block) -> str:
        return self._sections.open(block.started.step.id, self._title(block)) + self._take(block)

    def _title(self, block: _Block) -> str:
        step, why = block.started.step, reason(block.started.why)
        end = "(continued)" if block.headed else f"({why})" if why else ""
        block.headed = True
        return f"[{place(step, self._several)}] {instruction(step)}{self._on(step)}  {end}".rstrip()

    def _on(self, step: StepInfo) -> str:
        return f"  on {builder(step)}" if self._spread and step.builder else ""

    def _take(self, block: _Block) -> str:
        lines, block.lines, block.held = block.lines, [], 0
        return "".join(lines)

    # What steps say

    def _log(self, step: str, text: str) -> str:
        block = self._blocks.get(step)
        if block is None:
            return ""
        step_of = block.started.step
        where = f"{names(step_of.targets)} {platform(step_of)}" if self._several else names(step_of.targets)
        line = f"{where} | {clean(text)}".rstrip() + "\n"
        if step == self._live:
            return line
        block.lines.append(line)
        block.held += len(line)
        return self._opened(block) + self._sections.close(step) if block.held > _MOST_HELD else ""

    def _note(self, event: StepProgress) -> str:
        """That a step waits or downloads is worth a line, how far it has come is not."""
        block = self._blocks.get(event.id)
        if block is None or event.text in block.notes or len(block.notes) >= _MOST_NOTES:
            return ""
        block.notes.append(event.text)
        return self._log(event.id, event.text)

    def _finished(self, step: StepReport) -> str:
        block = self._blocks.pop(step.id, None)
        if step.status == "failed":
            self._failures.append(failure(step, self._tails.take(step.id), self._style, self._several))
        if block is None:
            # What was cancelled before its turn is only counted, at the end.
            return self._line(step) if step.status != "cancelled" else ""
        if step.id == self._live:
            return self._suspend() + self._line(step) + self._turn()
        return self._closed(step, block) + self._turn()

    def _closed(self, step: StepReport, block: _Block) -> str:
        """A step that was not live: its lines under a title that tells the end; a failed one is never folded away."""
        title, lines = self._line(step), self._take(block)
        if not lines or step.status == "failed":
            return title + lines
        return self._sections.open(step.id, title.rstrip("\n")) + lines + self._sections.close(step.id)

    def _line(self, step: StepReport) -> str:
        why = reason(step.why)
        status = self._style.paint(STATUS[step.status][1], status_word(step))
        what = f"[{place(step, self._several)}] {instruction(step)}{self._on(step)}"
        return f"{what}  {status}{f'  ({why})' if why else ''}\n"
