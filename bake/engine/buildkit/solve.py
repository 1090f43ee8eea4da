"""One solve: a definition goes to a builder, its status comes back as updates, its end as a result or an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from bake.engine.buildkit.client import CONTROL, Builder
from bake.engine.buildkit.failure import exit_code_of, failure, lost, unwritten, vertex_of
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.status import StatusFold, Update
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.errors import BakeError, HostError, RemoteError
from bake.plan.step import Step

DRAIN_S = 2.0
"""Seconds that a builder gets to tell the rest after the solve's end, and to stop when it is cancelled."""
WITHOUT_SESSION_S = 5.0
"""Seconds that a solve may go on without its session: long enough for one that needs nothing more."""


class BuilderLost(HostError):
    """The builder went away; another try, there or elsewhere, may succeed."""


class BuilderBusy(BuilderLost):
    """The builder is there, but got in its own way; the same may succeed a little later."""


@dataclass(frozen=True)
class Caches:
    """Caches elsewhere that a builder reads and writes: rows of `type` and its options. Reading never fails a solve."""

    imports: tuple[Mapping[str, str], ...] = ()
    exports: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Wish:
    """What is to be solved. `exporter` "" leaves the result in the builder's cache."""

    definition: bytes | None
    session: Session
    exporter: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict)
    entitlements: tuple[str, ...] = ()
    internal: bool = False
    caches: Caches = Caches()


Tell = Callable[[str, Update], None]
"""Takes (digest of a vertex, update)."""
StepOf = Callable[[str], Step | None]
"""The step that a vertex stands for, or works for."""


class Solve:
    """`ref` names it to the builder. Made for one call of `run`."""

    def __init__(self, builder: Builder, ref: str, wish: Wish, tell: Tell, step_of: StepOf) -> None:
        self._ref = ref
        self._builder = builder
        self._wish = wish
        self._tell = tell
        self._step_of = step_of
        self._fold = StatusFold()
        self.failed: Step | None = None
        self.unwritten = ""
        """Why the builder did not write a cache elsewhere."""

    async def run(self) -> Any:
        """The builder's answer. Raises StepError and its kin, BuilderLost; cancelling stops the builder's work."""
        status = asyncio.create_task(self._watch())
        solving = asyncio.create_task(self._solve())
        try:
            answer = await self._finished(solving)
            await self._drain(status)
            self.unwritten = self._fold.unwritten()
            return answer
        except (GRPCError, StreamTerminatedError, OSError, TimeoutError) as error:
            await self._drain(status)
            raise self._error(error) from None
        except BaseException:
            solving.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(solving, return_exceptions=True)
                await self._drain(status)
            raise
        finally:
            status.cancel()

    async def _finished(self, solving: asyncio.Task[Any]) -> Any:
        """The solve's answer. Builders may wait for a lost session for ever, so we do not."""
        await asyncio.wait([solving, self._wish.session.over], return_when=asyncio.FIRST_COMPLETED)
        if not solving.done():
            await asyncio.wait([solving], timeout=WITHOUT_SESSION_S)
        if not solving.done():
            solving.cancel()
            raise ConnectionResetError("the session with it has ended")
        return await solving

    async def _solve(self) -> Any:
        wish = self._wish
        request = MESSAGES.SolveRequest(
            ref=self._ref, definition=wish.definition, exporter=wish.exporter, session=wish.session.id,
            entitlements=wish.entitlements, internal=wish.internal, cache=_caches(wish.caches),
        )  # fmt: skip
        for key, value in wish.attrs.items():
            request.exporter_attrs[key] = value
        return await self._builder.call(CONTROL + "Solve", request, MESSAGES.SolveResponse)

    async def _watch(self) -> None:
        call = self._builder.stream(
            CONTROL + "Status", MESSAGES.StatusRequest, MESSAGES.StatusResponse, cardinality=Cardinality.UNARY_STREAM
        )
        try:
            async with call as stream:
                await stream.send_message(MESSAGES.StatusRequest(ref=self._ref), end=True)
                while (message := await stream.recv_message()) is not None:
                    for digest, update in self._fold.take(message):
                        self._tell(digest, update)
        except (GRPCError, StreamTerminatedError, OSError, BakeError):
            pass  # the solve itself tells what is wrong

    async def _drain(self, status: asyncio.Task[None]) -> None:
        if not status.done():
            await asyncio.wait([status], timeout=DRAIN_S)
        for digest, update in self._fold.rest():
            self._tell(digest, update)

    def _error(self, error: Exception) -> BakeError:
        address = self._builder.address.text
        failed = self._fold.failed()
        if not isinstance(error, GRPCError) or _is_lost(error) or (failed and "context canceled" in failed[0][1]):
            return BuilderLost(lost(address, error).diagnostics)
        if _BUSY in f"{error.message}":
            return BuilderBusy(lost(address, error).diagnostics)
        details = error.details if isinstance(error.details, list) else []
        digest = failed[0][0] if failed else vertex_of(details)
        self.failed = self._step_of(digest) if digest else None
        text = failed[0][1] if failed else str(error.message)
        if not failed and self._fold.unwritten():
            return RemoteError(unwritten(address, self._fold.unwritten()))
        return self._failure(text, str(error.message), exit_code_of(text, details))

    def _failure(self, text: str, said: str, code: int | None) -> BakeError:
        """The error for the `text` of what failed; `said` is the solve's own."""
        del said
        return failure(text, self.failed, code, self._builder.address.text)


def _caches(caches: Caches) -> Any:
    imports, exports = ([_cache(row) for row in rows] for rows in (caches.imports, caches.exports))
    return MESSAGES.CacheOptions(imports=imports, exports=exports)


def _cache(row: Mapping[str, str]) -> Any:
    return MESSAGES.CacheEntry(type=row["type"], attrs={key: value for key, value in row.items() if key != "type"})


def _is_lost(error: GRPCError) -> bool:
    """The connection, the session or the whole builder is gone."""
    text = error.message or ""
    return error.status in (Status.UNAVAILABLE, Status.CANCELLED) or any(part in text for part in _GONE)


_BUSY = "flightcontrol: exceeded retry timeout"
"""Old builders say so when many solves wait for one step at the same time."""
_GONE = ("no active session", "transport is closing", "context canceled", "grpc: the client connection is closing")
