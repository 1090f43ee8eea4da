"""Runs async work so that Ctrl-C first asks it to stop and let go of what it holds; a second one ends at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from bake.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_T = TypeVar("_T")


def _nothing() -> None:
    pass


def run_async(
    work: Callable[[], Awaitable[_T]], on_first: Callable[[], None] = _nothing, on_second: Callable[[], None] = _nothing
) -> _T:
    """What `work` returns. Raises Interrupted when it was cancelled by a signal; ends the process at the second one."""

    async def main() -> _T:
        with anyio.CancelScope() as scope, _signals(scope, on_first, on_second):
            return await work()
        raise Interrupted(())

    return anyio.run(main, backend="asyncio")


@contextmanager
def _signals(scope: anyio.CancelScope, on_first: Callable[[], None], on_second: Callable[[], None]) -> Iterator[None]:
    import asyncio

    def received() -> None:
        if scope.cancel_called:
            try:
                on_second()
            finally:
                os._exit(Interrupted.exit_code)
        scope.cancel()
        on_first()

    loop = asyncio.get_running_loop()
    # What our parent has us ignore stays ignored: `nohup bake`, or `bake &` of a shell without job control.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)
