"""What a run came to, told at its end: a table of targets, what failed and how, what crossed the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bake.events import (
    BlobFinished,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepReport,
    TargetFinished,
    TargetReport,
)
from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import count, instruction, names, place, seconds, size, step_counts

_COLUMNS = (
    Column("TARGET", elastic=True),
    Column("STATUS"),
    Column("TIME", right=True),
    Column("STEPS", spare=True),
    Column("TAGS", elastic=True, spare=True),
    Column("DIGEST", spare=True),
)
_SHORT = len("sha256:") + 12
_OUTCOMES = {
    "ok": ("done in", "good"),
    "failed": ("failed after", "error"),
    "cancelled": ("cancelled after", "warning"),
}
_MOST_REPOSITORIES = 10


class Ending:
    """A fold over a run; its memory grows with the number of targets, not of steps."""

    def __init__(self) -> None:
        self._begun = False
        self._steps: Counter[str] = Counter()
        self._of_target: dict[str, Counter[str]] = {}
        self._targets: dict[str, TargetReport] = {}
        self._pushed: dict[str, Counter[str]] = {}
        self._bytes: Counter[str] = Counter()

    def event(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._begun = True
        elif isinstance(event, StepFinished):
            self._steps[event.step.status] += 1
            for target in event.step.targets:
                self._of_target.setdefault(target, Counter())[event.step.status] += 1
        elif isinstance(event, TargetFinished):
            self._targets[event.name] = event.target
        elif isinstance(event, BlobFinished):
            self._bytes[event.direction] += event.bytes
            if event.direction == "push":
                found = self._pushed.setdefault(event.repository, Counter())
                found[event.outcome] += 1
                found["bytes"] += event.bytes

    def text(self, end: RunFinished, width: int | None, style: Style) -> str:
        """A blank line, the table, the transfers and one line that says it all; "" for a run that never began."""
        if not self._begun:
            return ""
        rows = [self._row(name, target, width) for name, target in self._targets.items()]
        word, meaning = _OUTCOMES[end.outcome]
        last = f"{style.paint(meaning, word)} {seconds(end.duration_s)}{self._told_steps()}\n"
        return "\n" + table(_COLUMNS, rows, width, style) + self._transfers() + last

    def _row(self, name: str, target: TargetReport, width: int | None) -> tuple[str, ...]:
        steps = step_counts(self._of_target.get(name, Counter()))
        status = f"{target.status}, published" if target.published else target.status
        digest = target.digest if width is None else target.digest[:_SHORT]
        return (clean(name), status, seconds(target.duration_s), steps, clean(", ".join(target.tags)), digest)

    def _told_steps(self) -> str:
        return f": {count(self._steps.total(), 'step')}, {step_counts(self._steps)}" if self._steps else ""

    def _transfers(self) -> str:
        lines = []
        if len(self._pushed) > _MOST_REPOSITORIES:
            lines.append(f"to {len(self._pushed)} repositories: {_blobs(sum(self._pushed.values(), Counter()))}")
        else:
            lines += [f"to {clean(repository)}: {_blobs(found)}" for repository, found in self._pushed.items()]
        if self._bytes["pull"]:
            lines.append(f"pulled {size(self._bytes['pull'])}")
        return "".join(f"{line}\n" for line in lines)


def failure(step: StepReport, lines: Sequence[str], style: Style, several: bool = False) -> str:
    """A failed step: what, where, its exit code, the last lines that it wrote."""
    code = f"exit code {step.exit_code}" if step.exit_code is not None else ""
    where = [style.paint("place", clean(step.at)), code, f"in {names(step.targets)}" if len(step.targets) > 1 else ""]
    shared = ", ".join(part for part in where if part)
    took = f"FAILED {seconds(step.duration_s)}" if step.duration_s else "FAILED"
    head = f"{style.paint('error', took)} [{place(step, several)}] {instruction(step)}"
    tail = "".join(f"  | {line}\n" for line in lines)
    return f"{head}\n  {shared}\n{tail}" if shared else f"{head}\n{tail}"


_BLOB_WORDS = (("pushed", "pushed"), ("present", "already there"), ("mounted", "mounted"), ("failed", "failed"))


def _blobs(found: Counter[str]) -> str:
    parts = [f"{count(found[name], 'blob')} {word}" for name, word in _BLOB_WORDS if found[name]]
    return f"{', '.join(parts)} ({size(found['bytes'])})" if found["bytes"] else ", ".join(parts)
