"""File work in threads: its caller has not ended before it has."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from bake.engine.embedded.threads import Stopped, in_thread


def test_cancelling_twice_waits_as_well() -> None:
    """A second interrupt must not tidy up under work that still writes."""
    started, told, go_on = threading.Event(), threading.Event(), threading.Event()
    ended: list[bool] = []

    def work(check: Callable[[], None]) -> None:
        started.set()
        try:
            while True:
                try:
                    check()
                except Stopped:
                    told.set()
                    raise
        finally:
            go_on.wait(30)
            ended.append(True)

    async def cancel_twice() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(started.wait, 30)
        task.cancel()
        await asyncio.to_thread(told.wait, 30)
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    asyncio.run(cancel_twice())


def test_what_work_raises_after_it_was_cancelled_is_not_missed() -> None:
    started = threading.Event()

    def work(check: Callable[[], None]) -> None:
        started.set()
        while True:
            check()

    async def cancel() -> list[object]:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(started.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        return complaints

    assert asyncio.run(cancel()) == []
