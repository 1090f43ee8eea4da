"""One builder's connection, opened by many images at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from buildkit_daemon import Daemon

from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.site import Site
from bake.store import DiskStore, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    with closing(open_store(tmp_path / "store")) as store:
        yield store


def test_nobody_gets_a_session_that_is_only_being_opened(daemon: Daemon, store: DiskStore) -> None:
    """Also when it is opened again: a solve that names a session before the builder has it is refused."""

    async def main() -> None:
        site = Site(parse_address(daemon.address, {}), store.files, lambda _host: ("", ""), "key")
        ready: list[bool] = []

        async def use() -> None:
            await site.open()
            ready.append(site.session._ready.is_set())

        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                for _ in range(2000):
                    group.create_task(use())
                    await asyncio.sleep(0)  # they come at any moment of the opening
            site.session.end()
        await site.close()
        assert ready == [True] * 4000

    asyncio.run(main())
