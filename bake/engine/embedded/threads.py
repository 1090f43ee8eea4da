"""File work in threads that can be told to stop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The call was cancelled."""


async def in_thread(work: Callable[[Callable[[], None]], T]) -> T:
    """Runs `work(check)` in a thread; `check` raises Stopped once this task is cancelled. Waits for its end always."""
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    future = asyncio.get_running_loop().run_in_executor(None, work, check)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # seen
        raise
