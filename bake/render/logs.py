"""The last lines that each step printed, for reports: no report may grow without bounds by what a step says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from bake.events import Event, StepLog
from bake.render.sanitize import clean

_LINES = 400
_WIDE = 2000
_LEAST = 1500

Logs = Mapping[str, tuple[str, ...]]
"""Step id → lines, harmless text."""


class LogFold:
    """A renderer whose picture is `logs`."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {}
        self._dropped: dict[str, int] = {}

    def event(self, event: Event) -> None:
        if not isinstance(event, StepLog):
            return
        lines = self._lines.setdefault(event.id, deque(maxlen=_LINES))
        if len(lines) == _LINES:
            self._dropped[event.id] = self._dropped.get(event.id, 0) + 1
        lines.append(event.text[:_WIDE])

    def close(self) -> None:
        pass

    def logs(self, most: int = 900_000) -> dict[str, tuple[str, ...]]:
        """All together at most about `most` characters: what is too much goes from the beginning of the longest."""
        share = max(_LEAST, most // max(1, len(self._lines)))
        return {step: self._tail(step, share) for step in self._lines}

    def _tail(self, step: str, most: int) -> tuple[str, ...]:
        lines = [clean(line) for line in self._lines[step]]
        left, first = most, len(lines)
        while first > 0 and left - len(lines[first - 1]) - 1 >= 0:
            first -= 1
            left -= len(lines[first]) + 1
        dropped = self._dropped.get(step, 0) + first
        return (*([f"… {dropped} lines before"] if dropped else []), *lines[first:])
