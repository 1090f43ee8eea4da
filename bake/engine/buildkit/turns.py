"""Turns on a builder: an image takes of it what its target's `weight` and `resources` say, in the order of asking."""

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
    """One that wants more than there is has the builder for itself."""

    def __init__(self, total: Amount) -> None:
        self._capacity = Capacity(total)
        self._queue: deque[_Waiting] = deque()

    @asynccontextmanager
    async def take(self, wanted: Amount) -> AsyncIterator[None]:
        """A turn. Whoever came first has the first, so that a heavy one is not passed by light ones for ever."""
        mine = _Waiting(wanted)
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
