"""HTTP/2 to a builder by grpclib: the one module that reaches into its private parts (grpclib 0.4.9).

A Docker Engine speaks HTTP/1.1 first: it is asked who it is, and on the same connection to upgrade; bytes that came
with its answer belong to HTTP/2.
"""

from __future__ import annotations

import asyncio
import logging
import re
import struct
from collections.abc import Iterable
from typing import Any

from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.encoding.base import StatusDetailsCodecBase

from bake.engine.buildkit.dial import CONNECT_S, Dialer
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.errors import Diagnostic, HostError

WINDOW = 16 << 20
_PREFIX = struct.Struct(">?I")
"""Before each message of gRPC: whether it is compressed, and how many bytes it has."""
logging.getLogger("grpclib").addHandler(logging.NullHandler())  # what goes wrong is told as an error of the build
_WHO = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
_UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class Details(StatusDetailsCodecBase):
    """`grpc-status-details-bin`: a list of (type, raw value); the values are JSON (reference/buildkit-grpc.md §6)."""

    def encode(self, status: Any, message: str | None, details: Any) -> bytes:
        del details
        encoded: bytes = MESSAGES.Status(code=status.value, message=message or "").SerializeToString()
        return encoded

    def decode(self, status: Any, message: str | None, data: bytes) -> list[tuple[str, bytes]]:
        del status, message
        found = MESSAGES.Status.FromString(data)
        return [(each.type_url, each.value) for each in found.details]


def configuration() -> Configuration:
    """Big windows, and a ping every 30 s while calls are open."""
    options: dict[str, Any] = {"_keepalive_time": 30.0, "_keepalive_timeout": 10.0}
    return Configuration(http2_connection_window_size=WINDOW, http2_stream_window_size=WINDOW, **options)


async def send_together(stream: Any, messages: Iterable[Any]) -> None:
    """Several messages of a call that we answer, in as few frames as they fit in: most of the cost is a frame's."""
    if not stream._send_initial_metadata_done:
        await stream.send_initial_metadata()
    encoded = [message.SerializeToString() for message in messages]
    await stream._stream.send_data(b"".join(_PREFIX.pack(False, len(data)) + data for data in encoded))


class BuilderChannel(Channel):
    """A channel whose connection `dialer` opens."""

    def __init__(self, dialer: Dialer) -> None:
        super().__init__(dialer.server_name or "buildkit", 0, config=configuration(), status_details_codec=Details())
        self._dialer = dialer
        self._cause: BaseException | None = None
        self.engine = ""
        """The version of a Docker Engine, once connected."""
        self._scheme = "https" if dialer.address.tls else "http"
        self._authority = dialer.server_name or "buildkit"

    async def __connect__(self) -> Any:
        """A connection on which a call can begin. Raises ConnectionResetError when it was closed right away."""
        protocol = await super().__connect__()
        handler: Any = protocol.handler
        if handler.connection_lost:
            raise ConnectionResetError("the connection was closed right away")
        return protocol

    async def _create_connection(self) -> Any:
        loop = asyncio.get_running_loop()
        context = self._dialer.tls()
        opened = await loop.run_in_executor(None, self._dialer.open)
        opened.setblocking(False)
        name = self._dialer.server_name if context else None
        try:
            async with asyncio.timeout(CONNECT_S):
                if not self._dialer.address.docker:
                    _, protocol = await loop.create_connection(
                        self._watched, sock=opened, ssl=context, server_hostname=name
                    )
                    return protocol
                _, upgrade = await loop.create_connection(
                    lambda: Upgrade(self._protocol_factory(), self._dialer),
                    sock=opened,
                    ssl=context,
                    server_hostname=name,
                )
                protocol = await upgrade.upgraded
                self.engine = upgrade.engine
                return protocol
        except (OSError, TimeoutError) as error:
            opened.close()
            raise await self.closed(error) from None

    async def closed(self, error: BaseException) -> HostError:
        """The error for a connection that has ended before a first answer."""
        known = self._cause if self._cause is not None else error
        cause = known if isinstance(known, OSError | TimeoutError) else None
        return await asyncio.to_thread(self._dialer.closed, cause)

    def _watched(self) -> Any:
        """A protocol that notes what ends its connection, which grpclib does not tell: a refusal by TLS comes late."""
        protocol: Any = self._protocol_factory()
        plainly = protocol.connection_lost

        def connection_lost(error: BaseException | None) -> None:
            self._cause = error
            plainly(error)

        protocol.connection_lost = connection_lost
        return protocol


class Upgrade(asyncio.Protocol):
    """Asks the engine for its version, then for the upgrade, and hands the transport over to `inner`."""

    def __init__(self, inner: Any, dialer: Dialer) -> None:
        self._inner = inner
        self._address = dialer.address
        self._seen = b""
        self._transport: Any = None
        self._known = False
        self.engine = ""
        self.upgraded: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(_WHO)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        head, end, rest = self._seen.partition(b"\r\n\r\n")
        if not end or self.upgraded.done():
            return
        if not self._known:  # an answer to HEAD has no body
            self._known, self._seen = True, rest
            self.engine = _engine(head)
            self._transport.write(_UPGRADE)
        elif b" 101 " in head.split(b"\r\n")[0]:
            self._hand_over(rest)
        else:
            self._refused(head.split(b"\r\n")[0].decode("latin-1"))

    def _hand_over(self, rest: bytes) -> None:
        self._transport.set_protocol(self._inner)
        self._inner.connection_made(self._transport)
        if rest:
            self._inner.data_received(rest)
        self.upgraded.set_result(self._inner)

    def _refused(self, said: str) -> None:
        message = f"{self._address.text} does not offer BuildKit: it said {said}"
        hint = "the Docker Engine must be 18.09 or later"
        self.upgraded.set_exception(HostError(Diagnostic("no-builder", message, hint=hint)))
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.upgraded.done():
            self.upgraded.set_exception(error or ConnectionResetError("the connection was closed"))


def _engine(head: bytes) -> str:
    """`28.5.2` of an answer's `Server: Docker/28.5.2 (linux)`; "" if it does not say."""
    found = re.search(rb"\r\nserver: docker/(\S+)", head, re.IGNORECASE)
    return found[1].decode("latin-1") if found else ""
