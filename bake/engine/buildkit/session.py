"""The session: a byte stream to the builder in which it is the HTTP/2 client and we answer (reference §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.server import Server

from bake.engine.buildkit.client import CONTROL, Builder
from bake.engine.buildkit.connect import Details, configuration
from bake.engine.buildkit.wire.messages import MESSAGES

_SLICE = 1 << 20
_FULL = 4 << 20


@dataclass(frozen=True)
class Method:
    """One method that we serve: its messages, and a coroutine that gets the stream."""

    answer: Callable[[Any], Awaitable[None]]
    request: Any
    reply: Any
    streaming: bool = False


Methods = Mapping[str, Method]
"""Path → method."""


class Session:
    """Used as an async context manager: open before the first solve, closed after the last."""

    def __init__(self, builder: Builder, methods: Methods, shared_key: str) -> None:
        self.id = uuid4().hex
        self._builder = builder
        self._methods = dict(methods)
        self._key = shared_key
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the stream has ended, whoever ended it."""

    async def __aenter__(self) -> Session:
        self._task = asyncio.create_task(self._serve())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            await self._task  # raises what was wrong
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _metadata(self) -> list[tuple[str, str]]:
        prefix = "x-docker-expose-session-"
        rows = [(prefix + "uuid", self.id), (prefix + "name", "bake"), (prefix + "sharedkey", self._key)]
        return rows + [(prefix + "grpc-method", path) for path in self._methods]

    def end(self) -> None:
        """Notes that the stream has ended, or is given up."""
        if not self.over.done():
            self.over.set_result(None)

    @property
    def lost(self) -> bool:
        return self.over.done()

    async def _serve(self) -> None:
        call = self._builder.stream(CONTROL + "Session", MESSAGES.Bytes, MESSAGES.Bytes, self._metadata())
        async with call as stream:
            await stream.send_request()
            protocol = _server(self._methods)._protocol_factory()
            pipe = _Pipe(stream, protocol)
            protocol.connection_made(pipe)
            self._ready.set()
            try:
                async with asyncio.TaskGroup() as group:
                    writer = group.create_task(pipe.send())
                    await _receive(stream, protocol)
                    writer.cancel()
            finally:
                self.end()
                protocol.connection_lost(None)


async def _receive(stream: Any, protocol: Any) -> None:
    try:
        while (message := await stream.recv_message()) is not None:
            protocol.data_received(message.data)
    except (GRPCError, StreamTerminatedError):
        pass  # the solves that need the session tell what is wrong


def _server(methods: Methods) -> Server:
    server = Server([], config=configuration(), status_details_codec=Details())
    server._mapping = _Mapping({path: _handler(method) for path, method in methods.items()})
    server._h2_config.header_encoding = "utf-8"  # old daemons send patterns raw
    return server


def _handler(method: Method) -> Handler:
    cardinality = Cardinality.STREAM_STREAM if method.streaming else Cardinality.UNARY_UNARY

    async def answer(stream: Any) -> None:
        try:
            await method.answer(stream)
        except ExceptionGroup as group:
            raise _refusal(group) from None
        except (OSError, ValueError, TypeError) as error:
            raise _refusal(error) from None

    return Handler(answer, cardinality, method.request, method.reply)


def _refusal(error: Exception) -> GRPCError:
    """What a builder is told when we cannot answer; it ends the solve with it."""
    if isinstance(error, ExceptionGroup):
        return _refusal(error.exceptions[0])
    return error if isinstance(error, GRPCError) else GRPCError(Status.ABORTED, f"{type(error).__name__}: {error}")


async def _unknown(_stream: Any) -> None:
    raise GRPCError(Status.UNIMPLEMENTED, "unknown method")


class _Mapping(dict[str, Handler]):
    """Builders probe for methods that nobody announced; a proper refusal keeps them going."""

    def get(self, path: str, default: Any = None) -> Handler:
        del default
        return super().get(path) or Handler(_unknown, Cardinality.STREAM_STREAM, MESSAGES.Bytes, MESSAGES.Bytes)


class _Pipe(asyncio.Transport):
    """A transport whose bytes travel in messages of an open call."""

    def __init__(self, stream: Any, protocol: Any) -> None:
        super().__init__()
        self._stream = stream
        self._protocol = protocol
        self._buffer = bytearray()
        self._filled = asyncio.Event()
        self._paused = False
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._buffer += data
        self._filled.set()
        if len(self._buffer) > _FULL and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._filled.set()

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        del name
        return default

    async def send(self) -> None:
        """Sends what is written until the call ends."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._buffer:
                piece = bytes(self._buffer[:_SLICE])
                del self._buffer[:_SLICE]
                await self._stream.send_message(MESSAGES.Bytes(data=piece))
                if self._paused and len(self._buffer) < _FULL // 2:
                    self._paused = False
                    self._protocol.resume_writing()
            if self._closing:
                await self._stream.end()
                return
