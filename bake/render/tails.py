"""The last lines that each running step wrote, kept until the step has ended well; bounded, however much is written."""

from __future__ import annotations

from collections import deque

from bake.events import Event, StepFinished, StepLog
from bake.render.sanitize import clean

LINES = 20
_LONGEST = 2000


class Tails:
    """A fold; `take` gives what a step that failed has left."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {}

    def event(self, event: Event) -> None:
        if isinstance(event, StepLog):
            self._lines.setdefault(event.id, deque(maxlen=LINES)).append(clean(event.text[:_LONGEST]))
        elif isinstance(event, StepFinished) and event.step.status != "failed":
            self._lines.pop(event.step.id, None)

    def take(self, step: str) -> tuple[str, ...]:
        """The lines, which are then forgotten."""
        return tuple(self._lines.pop(step, ()))
