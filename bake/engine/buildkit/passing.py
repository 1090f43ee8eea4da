"""Names under which images pass through a Docker Engine, on their way from its BuildKit to us.

An old engine gives images of equal layers one id, whatever config they are asked for with. Taking an image's last name
away deletes it, and a name that a twin gets at that very moment then leads nowhere. So names go when no image of this
run is on its way; another run's twins are met by another try (`NoSuchImage`).

A run that is killed leaves its names. They say when they were given, so that a later run takes away the old ones.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import anyio
from anyio import to_thread

from bake.engine.buildkit.docker import DockerApi
from bake.errors import Diagnostic, HostError

_CANCELLED_S = 1.0
"""Seconds to tidy up when the run is given up."""

_PREFIX = "bake-passing-"
_GIVEN = re.compile(rf"{_PREFIX}([0-9a-f]{{1,12}})-[0-9a-f]{{32}}:1")
_FORGOTTEN_S = 24 * 3600
"""Seconds after which no run can still be at a name; wide, for the clocks of the hosts that share an engine differ."""


class Passing:
    """Of one engine, to which each `api` makes calls. `tell` takes what could not be tidied up."""

    def __init__(self) -> None:
        self._under_way = 0
        self._left: list[str] = []
        self._dropping = anyio.Lock()
        self._swept = False

    @asynccontextmanager
    async def name(self, api: DockerApi, tell: Callable[[Diagnostic], None]) -> AsyncIterator[str]:
        """A name that no other image has, for as long as the image is under way."""
        async with self._dropping:
            self._under_way += 1
        name, patience = _name(time.time()), None
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
            if not self._swept:
                self._swept = True
                with suppress(HostError):
                    names += _forgotten(await to_thread.run_sync(api.names, f"{_PREFIX}*", abandon_on_cancel=True))
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(_drop, api, name, tell)


def _name(now: float) -> str:
    return f"{_PREFIX}{int(now):x}-{uuid4().hex}:1"


def _forgotten(names: Iterable[str]) -> list[str]:
    """Those of runs that cannot be under way any more."""
    given = ((name, _GIVEN.fullmatch(name)) for name in names)
    return [name for name, found in given if found and int(found[1], 16) < time.time() - _FORGOTTEN_S]


async def _drop(api: DockerApi, name: str, tell: Callable[[Diagnostic], None]) -> None:
    """What cannot be tidied up is no reason to lose what was built."""
    try:
        await to_thread.run_sync(api.drop, name, abandon_on_cancel=True)
    except HostError as error:
        message = f"the image {name} stays in the Docker Engine: {error}"
        hint = "remove it with docker rmi if it is still there"
        tell(Diagnostic("builder-failed", message, hint=hint, severity="warning"))
