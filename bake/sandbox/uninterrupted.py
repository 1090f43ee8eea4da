"""Waiting that cancelling does not cut short: for starting what must then be ended, and for ending it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Awaits `work` to its end, even when cancelled meanwhile; the cancellation then comes with the next wait."""
    own = asyncio.current_task()
    assert own is not None
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            own.uncancel()
            cancelled = True
    if cancelled:
        own.cancel()
    return task.result()
