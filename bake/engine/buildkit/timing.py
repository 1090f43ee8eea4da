"""Time limits of steps that run elsewhere: counted from when the builder says that a step has started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio

from bake.engine.buildkit.status import Ended, Seen, Started, Update
from bake.plan.step import Step, StepId


class Deadlines:
    """Cancels `scope` when a step takes longer than `limit` says (seconds, 0 = for ever); `expired` is that step."""

    def __init__(self, scope: anyio.CancelScope, limit: Callable[[Step], float]) -> None:
        self._scope = scope
        self._limit = limit
        self._clocks: dict[StepId, asyncio.TimerHandle] = {}
        self.expired: Step | None = None

    def take(self, step: Step, update: Update) -> None:
        if isinstance(update, Started) and (seconds := self._limit(step)):
            self._clocks[step.id] = asyncio.get_running_loop().call_later(seconds, self._expire, step)
        elif step.id in self._clocks and isinstance(update, Ended | Seen):
            self._clocks.pop(step.id).cancel()

    def _expire(self, step: Step) -> None:
        self.expired = step
        self._scope.cancel()

    def close(self) -> None:
        for clock in self._clocks.values():
            clock.cancel()
