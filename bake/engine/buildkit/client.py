"""One builder over gRPC: calls by path and message classes, without generated stubs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from bake.engine.buildkit.address import Address
from bake.engine.buildkit.connect import BuilderChannel
from bake.engine.buildkit.dial import Dialer
from bake.engine.buildkit.wire.messages import MESSAGES

CONTROL = "/moby.buildkit.v1.Control/"
BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
_ASK_S = 20.0
"""Seconds that a builder may take to answer a question about itself."""


@dataclass(frozen=True)
class About:
    """What a builder says of itself. `version`: of its Docker Engine or BuildKit, "" for one that is too old to say."""

    version: str
    worker: str
    labels: Mapping[str, str]
    platforms: tuple[str, ...]


class Builder:
    """A connection, made with the first call; closing it ends what is under way."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.dialer = Dialer(address)
        self.channel = BuilderChannel(self.dialer)

    async def call(
        self,
        path: str,
        request: Any,
        reply: Any,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """One request, one reply. Raises GRPCError, StreamTerminatedError, HostError when it cannot be reached."""
        async with (
            asyncio.timeout(timeout),
            self.channel.request(path, Cardinality.UNARY_UNARY, type(request), reply, metadata=metadata) as stream,
        ):
            await stream.send_message(request, end=True)
            found = await stream.recv_message()
            await stream.recv_trailing_metadata()
            return found

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        request: Any,
        reply: Any,
        metadata: Any = None,
        cardinality: Cardinality = Cardinality.STREAM_STREAM,
    ) -> AsyncIterator[Any]:
        """An open call for messages both ways."""
        async with self.channel.request(path, cardinality, request, reply, metadata=metadata) as stream:
            yield stream

    async def about(self) -> About:
        """Version, worker, platforms. Raises HostError when it cannot be reached."""
        version = await self.version()
        found = await self.call(
            CONTROL + "ListWorkers", MESSAGES.ListWorkersRequest(), MESSAGES.ListWorkersResponse, timeout=_ASK_S
        )
        first = found.workers[0] if found.workers else MESSAGES.Worker()
        platforms = ("/".join(p for p in (row.os, row.arch, row.variant) if p) for row in first.platforms)
        return About(version, first.id, dict(first.labels), tuple(dict.fromkeys(platforms)))

    async def version(self) -> str:
        """The first question to a builder, and the quickest to answer. Raises HostError when it cannot be reached."""
        try:
            await self.channel.__connect__()
            if self.channel.engine:  # its BuildKit has none to tell in the builds of some distributions
                return f"Docker Engine {self.channel.engine}"
            info = await self.call(CONTROL + "Info", MESSAGES.Empty(), MESSAGES.InfoResponse, timeout=_ASK_S)
        except Lost as error:
            raise await self.channel.closed(error) from None
        except GRPCError as error:
            if error.status is Status.UNIMPLEMENTED:
                return ""
            raise
        return str(info.version.version)

    async def usage(self) -> tuple[int, int]:
        """(bytes that its cache holds, how many of its records are in use by what runs now)."""
        found = await self.call(
            CONTROL + "DiskUsage", MESSAGES.DiskUsageRequest(), MESSAGES.DiskUsageResponse, timeout=_ASK_S
        )
        return sum(row.size for row in found.records), sum(row.in_use for row in found.records)

    async def capabilities(self, ref: str) -> frozenset[str]:
        """Ids of what its LLB may hold; asked through the gateway, with a solve that does nothing (reference §4)."""
        request = MESSAGES.SolveRequest(ref=ref, internal=True)
        waiting = asyncio.create_task(self.call(CONTROL + "Solve", request, MESSAGES.SolveResponse))
        metadata = {"buildkit-controlapi-buildid": ref}
        try:
            pong = await self.call(BRIDGE + "Ping", MESSAGES.Empty(), MESSAGES.Pong, metadata, _ASK_S)
            return frozenset(cap.id for cap in pong.llb_caps if cap.enabled)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def close(self) -> None:
        self.channel.close()
        self.dialer.close()


Lost = (StreamTerminatedError, ConnectionError)
"""What a call raises when the connection goes away under it."""
