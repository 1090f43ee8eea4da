"""Several pieces of work at once, whose results are wanted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

T = TypeVar("T")


async def gather(works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results in order. The first failure cancels the others and is raised as it is, not in a group."""
    results: dict[int, T] = {}
    failures: list[Exception] = []

    async def run(number: int, work: Callable[[], Awaitable[T]]) -> None:
        try:
            results[number] = await work()
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for number, work in enumerate(works):
            group.start_soon(run, number, work)
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(works))]
