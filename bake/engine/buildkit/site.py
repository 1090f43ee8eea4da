"""One builder in one run: its connection, what it can do, and the session in which it asks us."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import anyio
from grpclib.exceptions import GRPCError, StreamTerminatedError

from bake.engine.buildkit.address import Address
from bake.engine.buildkit.client import Builder
from bake.engine.buildkit.docker import DockerApi
from bake.engine.buildkit.failure import lost
from bake.engine.buildkit.known import Known, ask, recall
from bake.engine.buildkit.passing import Passing
from bake.engine.buildkit.selections import Selections
from bake.engine.buildkit.services import health
from bake.engine.buildkit.services.auth import Ask, Auth
from bake.engine.buildkit.services.filesync import FileSync
from bake.engine.buildkit.services.secrets import Secrets
from bake.engine.buildkit.services.ssh import Agents
from bake.engine.buildkit.session import Method, Session
from bake.errors import HostError
from bake.ports.files import Files

_CLOSE_S = 2.0
_SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"
"""The label of a worker that keeps its layers in containerd; one on graph drivers has none."""


@dataclass
class Site:
    """Opened when first used; `ask` finds logins, `shared_key` names this host's files in the builder."""

    address: Address
    files: Files
    ask: Ask
    shared_key: str

    def __post_init__(self) -> None:
        self.sync = FileSync()
        self.selections = Selections()
        self.secrets = Secrets()
        self.agents = Agents()
        self._auth = Auth(self.ask)
        self._builder: Builder | None = None
        self._session: Session | None = None
        self._opening = anyio.Lock()
        self.offering = anyio.Lock()
        self.passing = Passing()
        self.known: Known | None = None
        self._asking: asyncio.Task[None] | None = None
        self.was_open = False

    async def open(self) -> Builder:
        """Connects, and opens the session again when it was lost. Raises HostError."""
        if self._builder is not None and self._session is not None and not self._session.lost:
            return self._builder
        try:
            return await self._open()
        except (GRPCError, StreamTerminatedError, TimeoutError, OSError) as error:
            self.abandon()
            raise lost(self.address.text, error) from None
        except ExceptionGroup as group:
            self.abandon()
            raise lost(self.address.text, group.exceptions[0]) from None

    async def _open(self) -> Builder:
        async with self._opening:
            if self._builder is None:
                self._builder = Builder(self.address)
            if self._session is None or self._session.lost:
                await self._forget_session()
                await self._know(self._builder)
                session = Session(self._builder, self.methods(), self.shared_key)
                await session.__aenter__()
                self._session, self.was_open = session, True
            return self._builder

    async def _know(self, builder: Builder) -> None:
        """One of the version that is remembered can what it could; who else it is may be found out beside the work."""
        remembered = recall(self.files, self.address)
        if remembered is None or remembered.version != await builder.version():
            self.known = await ask(self.files, builder)
            return
        self.known = remembered
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_again(builder))

    async def _ask_again(self, builder: Builder) -> None:
        with suppress(GRPCError, StreamTerminatedError, OSError, HostError):  # the work itself tells what is wrong
            self.known = await ask(self.files, builder)

    def methods(self) -> dict[str, Method]:
        """All that the builder may ask, but for taking exports."""
        found: dict[str, Method] = {}
        for service in (self.sync, self.secrets, self.agents, self._auth):
            found |= service.methods()
        return found | dict(health.methods())

    async def is_whole(self) -> bool:
        """Whether it has exporters of its own, and writes its cache to a registry itself.

        That of a Docker Engine leaves both to the engine, unless the engine's images are in containerd.
        """
        if self._asking is not None:
            await asyncio.wait([self._asking])
        assert self.known is not None
        return not self.address.docker or _SNAPSHOTTER in self.known.labels

    @property
    def builder(self) -> Builder:
        """The connection that is open."""
        assert self._builder is not None
        return self._builder

    @property
    def session(self) -> Session:
        """The session that is open."""
        assert self._session is not None
        return self._session

    def docker(self) -> DockerApi:
        assert self._builder is not None
        return DockerApi(self._builder.dialer)

    @property
    def caps(self) -> frozenset[str]:
        assert self.known is not None
        return frozenset(self.known.caps)

    async def _forget_session(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.__aexit__()

    def abandon(self) -> None:
        """The connection is of no use any more; the next use makes another."""
        builder, self._builder = self._builder, None
        if builder is not None:
            builder.close()
        if self._session is not None:
            self._session.end()

    async def close(self) -> None:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await self._forget_session()
            if self._asking is not None:
                await asyncio.gather(self._asking, return_exceptions=True)
        if self._builder is not None:
            self._builder.close()
            self._builder = None
            await asyncio.sleep(0)
