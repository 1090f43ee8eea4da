"""Turns on a builder: an image takes as many of its slots as its target's `weight` says, in the order of asking."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from bake.solve.capacity import Amount, Capacity


@dataclass(eq=False)
class _Waiting:
    wanted: Amount
    admitted: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """One that weighs more than there are slots has the builder for itself."""

    def __init__(self, slots: int) -> None:
        self._capacity = Capacity(Amount(float(slots)))
        self._queue: deque[_Waiting] = deque()

    @asynccontextmanager
    async def take(self, weight: float) -> AsyncIterator[None]:
        """A turn. Whoever came first has the first, so that a heavy one is not passed by light ones for ever."""
        mine = _Waiting(Amount(weight))
        self._queue.append(mine)
        self._admit()
        try:
            await mine.admitted.wait()
            yield
        finally:
            if mine.admitted.is_set():
                self._capacity.give(mine.wanted)
            else:
                self._queue.remove(mine)
            self._admit()

    def _admit(self) -> None:
        while self._queue and self._capacity.take(self._queue[0].wanted):
            self._queue.popleft().admitted.set()
