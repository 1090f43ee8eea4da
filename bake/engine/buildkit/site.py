"""One builder in one run: its connection, what it can do, and the session in which it asks us."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import anyio
import msgspec
from grpclib.exceptions import GRPCError, StreamTerminatedError

from bake.engine.buildkit.address import Address
from bake.engine.buildkit.client import About, Builder
from bake.engine.buildkit.docker import DockerApi
from bake.engine.buildkit.failure import lost
from bake.engine.buildkit.services import health
from bake.engine.buildkit.services.auth import Ask, Auth
from bake.engine.buildkit.services.filesync import FileSync
from bake.engine.buildkit.services.secrets import Secrets
from bake.engine.buildkit.services.ssh import Agents
from bake.engine.buildkit.session import Method, Session
from bake.ports import Files

_FACT = "buildkit"
_CLOSE_S = 2.0


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a builder, so that it is asked once and not in every run."""

    version: str
    worker: str
    platforms: tuple[str, ...]
    caps: tuple[str, ...]
    labels: dict[str, str] = {}


@dataclass
class Site:
    """Opened when first used; `ask` finds logins, `shared_key` names this host's files in the builder."""

    address: Address
    files: Files
    ask: Ask
    shared_key: str

    def __post_init__(self) -> None:
        self.sync = FileSync()
        self.secrets = Secrets()
        self.agents = Agents()
        self._auth = Auth(self.ask)
        self._builder: Builder | None = None
        self._session: Session | None = None
        self._opening = anyio.Lock()
        self.known: Known | None = None
        self.was_open = False

    async def open(self) -> Builder:
        """Connects, and opens the session again when it was lost. Raises HostError."""
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
                self.known = await self._learn(self._builder)
                self._session = Session(self._builder, self.methods(), self.shared_key)
                try:
                    await self._session.__aenter__()
                except BaseException:
                    self._session = None
                    raise
                self.was_open = True
            return self._builder

    def methods(self) -> dict[str, Method]:
        """All that the builder may ask, but for taking exports."""
        found: dict[str, Method] = {}
        for service in (self.sync, self.secrets, self.agents, self._auth):
            found |= service.methods()
        return found | dict(health.methods())

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

    async def _learn(self, builder: Builder) -> Known:
        """Asks who it is; what it can do is asked once for each version of it."""
        about = await builder.about()
        remembered = recall(self.files, self.address)
        if remembered is not None and (remembered.version, remembered.worker) == (about.version, about.worker):
            return remembered
        known = _known(about, await builder.capabilities(uuid4().hex))
        self.files.remember_fact(_FACT, self.address.text, msgspec.msgpack.encode(known))
        return known

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
            self._session.over.set()

    async def close(self) -> None:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await self._forget_session()
        if self._builder is not None:
            self._builder.close()
            self._builder = None
            await asyncio.sleep(0)


def _known(about: About, caps: frozenset[str]) -> Known:
    return Known(about.version, about.worker, about.platforms, tuple(sorted(caps)), dict(about.labels))


def recall(files: Files, address: Address) -> Known | None:
    """What was learnt of a builder in an earlier run."""
    data = files.fact(_FACT, address.text)
    try:
        return msgspec.msgpack.decode(data, type=Known) if data is not None else None
    except msgspec.DecodeError:
        return None
