"""Misses that wait for their turn: the most urgent runs first, as many at once as there is room for."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count

from bake.plan.reason import Why
from bake.plan.step import Step
from bake.solve.capacity import Amount, Capacity


@dataclass(frozen=True)
class Missed:
    """A decided miss, ready to run."""

    step: Step
    key: str
    parts: dict[str, str]
    why: Why
    demand: Amount


class Turns:
    """`total` is what may be in use at once."""

    def __init__(self, total: Amount) -> None:
        self._capacity = Capacity(total)
        self._queue: list[tuple[float, int, Missed]] = []
        self._order = count()

    def add(self, missed: Missed, urgency: float) -> None:
        """Of equally urgent ones the first comes first."""
        heapq.heappush(self._queue, (-urgency, next(self._order), missed))

    def next(self) -> Missed | None:
        """The one whose turn it is, with its room until `end`; None while there is no room for it, or none waits."""
        if not self._queue or not self._capacity.take(self._queue[0][2].demand):
            return None  # nothing smaller goes first: the one that waits might never get its turn
        return heapq.heappop(self._queue)[2]

    def end(self, missed: Missed) -> None:
        """It has run; its room is free."""
        self._capacity.give(missed.demand)
