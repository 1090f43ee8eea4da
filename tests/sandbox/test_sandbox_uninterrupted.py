"""Cancelling waits for what must not be cut short, and is not lost."""

from __future__ import annotations

import asyncio

import pytest

from bake.sandbox.uninterrupted import uninterrupted


async def _work(done: list[str], release: asyncio.Event) -> str:
    await release.wait()
    done.append("work")
    return "result"


def test_a_cancellation_comes_with_the_next_wait() -> None:
    done: list[str] = []

    async def main() -> None:
        release = asyncio.Event()

        async def outer() -> None:
            done.append(await uninterrupted(_work(done, release)))
            await asyncio.sleep(100)

        task = asyncio.create_task(outer())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == ["work", "result"]


def test_a_timeout_stays_a_timeout() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await uninterrupted(asyncio.sleep(0.05))
                await asyncio.sleep(100)

    asyncio.run(main())


def test_its_error_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        asyncio.run(uninterrupted(fail()))
