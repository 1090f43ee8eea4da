"""Several jobs at once, all ended when it returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import anyio


async def together(jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Runs the jobs concurrently. They must handle their own errors; what escapes one is a defect."""

    async def run(job: Callable[[], Awaitable[None]]) -> None:
        await job()

    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(run, job)
