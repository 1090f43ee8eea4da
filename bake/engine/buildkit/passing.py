"""Names under which images pass through a Docker Engine, on their way from its BuildKit to us.

An old engine gives images of equal layers one id, whatever config they are asked for with. Taking an image's last name
away deletes it, and a name that a twin gets at that very moment then leads nowhere. So names go when no image of this
run is on its way; another run's twins are met by another try (`NoSuchImage`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import anyio
from anyio import to_thread

from bake.engine.buildkit.docker import DockerApi
from bake.errors import Diagnostic, HostError

_CANCELLED_S = 1.0
"""Seconds to tidy up when the run is given up."""


class Passing:
    """Of one engine, to which each `api` makes calls. `tell` takes what could not be tidied up."""

    def __init__(self) -> None:
        self._under_way = 0
        self._left: list[str] = []
        self._dropping = anyio.Lock()

    @asynccontextmanager
    async def name(self, api: DockerApi, tell: Callable[[Diagnostic], None]) -> AsyncIterator[str]:
        """A name that no other image has, for as long as the image is under way."""
        async with self._dropping:
            self._under_way += 1
        name, patience = f"bake-passing-{uuid4().hex}:1", None
        try:
            yield name
        except anyio.get_cancelled_exc_class():
            patience = _CANCELLED_S
            raise
        finally:
            self._under_way -= 1
            self._left.append(name)
            with anyio.move_on_after(patience, shield=True):
                await self._drop_all(api, tell)

    async def _drop_all(self, api: DockerApi, tell: Callable[[Diagnostic], None]) -> None:
        async with self._dropping:
            if self._under_way:
                return
            names, self._left = self._left, []
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(_drop, api, name, tell)


async def _drop(api: DockerApi, name: str, tell: Callable[[Diagnostic], None]) -> None:
    """What cannot be tidied up is no reason to lose what was built."""
    try:
        await to_thread.run_sync(api.drop, name, abandon_on_cancel=True)
    except HostError as error:
        message = f"the image {name} stays in the Docker Engine: {error}"
        hint = "remove it with docker rmi if it is still there"
        tell(Diagnostic("builder-failed", message, hint=hint, severity="warning"))
