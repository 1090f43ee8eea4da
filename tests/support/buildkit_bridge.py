"""A newer buildkitd as far as a client can tell: plain HTTP/2 on a socket or port, in front of the real old daemon.

Calls go through as they are; sessions are passed on method by method; an `oci` export, which the old daemon lacks, is
made of its image and streamed to the client as a new one would. So unix://, tcp:// and what only newer ones do is
tried with real builds behind it.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import ssl
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from grpclib.client import Channel
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import StreamTerminatedError
from grpclib.server import Server

from bake.engine.buildkit.address import parse_address
from bake.engine.buildkit.client import CONTROL, Builder
from bake.engine.buildkit.connect import configuration
from bake.engine.buildkit.docker import DockerApi
from bake.engine.buildkit.session import Method, Session, _Pipe
from bake.engine.buildkit.wire.messages import MESSAGES

RAW = MESSAGES.Empty
"""Keeps fields that it does not know, so that it carries any message."""
VERSION = "v0.99-bridge"
_OCI = "application/vnd.oci.image"


class Bridge:
    """`calls` counts what was asked by path."""

    def __init__(self, daemon: str) -> None:
        self.daemon = Builder(parse_address(daemon, {}))
        self.sessions: dict[str, Channel] = {}
        self.calls: dict[str, int] = {}
        self.exports: list[dict[str, str]] = []
        self.imports: list[dict[str, str]] = []
        self.server = Server([], config=configuration())
        self.server._mapping = _All(self)
        self.server._h2_config.header_encoding = "utf-8"

    async def answer(self, path: str, stream: Any) -> None:
        self.calls[path] = self.calls.get(path, 0) + 1
        name = path.rpartition("/")[2]
        own = {"Session": self._session, "Info": self._info, "Solve": self._solve}.get(name)
        if own is None or not path.startswith(CONTROL):
            await self._forward(self.daemon.channel, path, stream)
        else:
            await own(stream)

    async def _info(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(raw(MESSAGES.InfoResponse(version=MESSAGES.Version(version=VERSION))))

    async def _forward(self, channel: Channel, path: str, stream: Any) -> None:
        call = channel.request(path, Cardinality.STREAM_STREAM, RAW, RAW, metadata=_kept(stream.metadata))
        async with call as onward:
            await onward.send_request()
            back = asyncio.create_task(_copy(onward.recv_message, stream.send_message))
            there = asyncio.create_task(_pass_on(stream, onward))
            try:
                await back
            finally:
                there.cancel()
                back.cancel()
            await asyncio.gather(there, return_exceptions=True)
            if not onward._end_done:
                await onward.end()

    async def _session(self, stream: Any) -> None:
        channel, given = SessionChannel(stream), stream.metadata
        id = str(given["x-docker-expose-session-uuid"])
        self.sessions[id] = channel
        paths = given.getall("x-docker-expose-session-grpc-method")
        methods = {path: self._method(channel, path) for path in paths}
        session = Session(self.daemon, methods, str(given["x-docker-expose-session-sharedkey"]))
        session.id = id
        async with session:
            await channel.serve()

    def _method(self, channel: Channel, path: str) -> Method:
        async def answer(stream: Any) -> None:
            await self._forward(channel, path, stream)

        return Method(answer, RAW, RAW, streaming=True)

    async def _solve(self, stream: Any) -> None:
        request = MESSAGES.SolveRequest.FromString((await stream.recv_message()).SerializeToString())
        self.exports += [dict(row.attrs) | {"type": row.type} for row in request.cache.exports]
        self.imports += [dict(row.attrs) | {"type": row.type} for row in request.cache.imports]
        del request.cache.exports[:]  # which the old daemon refuses
        exported, name = request.exporter == "oci", f"bridge-{uuid4().hex}:1"
        if exported:
            request.exporter = "moby"
            request.exporter_attrs["name"] = name
        reply = await self.daemon.call(CONTROL + "Solve", request, MESSAGES.SolveResponse)
        if exported:
            archive = await asyncio.to_thread(self._archive, name)
            await self._send(self.sessions[request.session], archive)
        await stream.send_message(raw(reply))

    def _archive(self, name: str) -> bytes:
        api = DockerApi(self.daemon.dialer)
        with api.save([name]) as answer:
            saved = answer.read()
        api.drop(name)
        return oci_archive(saved)

    async def _send(self, channel: Channel, archive: bytes) -> None:
        path = "/moby.filesync.v1.FileSend/DiffCopy"
        async with channel.request(path, Cardinality.STREAM_STREAM, MESSAGES.Bytes, RAW) as stream:
            for at in range(0, len(archive), 1 << 20):
                await stream.send_message(MESSAGES.Bytes(data=archive[at : at + (1 << 20)]))
            await stream.end()
            await stream.recv_message()


def raw(message: Any) -> Any:
    """The same message as one that can be sent on any stream."""
    return RAW.FromString(message.SerializeToString())


class _All(dict[str, Handler]):
    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def get(self, path: str, default: Any = None) -> Handler:
        del default
        return Handler(lambda stream: self._bridge.answer(path, stream), Cardinality.STREAM_STREAM, RAW, RAW)


class SessionChannel(Channel):
    """A client inside a session's byte stream."""

    def __init__(self, stream: Any) -> None:
        super().__init__("session", 0, config=configuration())
        self._stream = stream
        self._made = self._protocol_factory()
        self._pipe = _Pipe(_Bytes(stream), self._made)
        self._made.connection_made(self._pipe)

    async def _create_connection(self) -> Any:
        return self._made

    async def serve(self) -> None:
        writer = asyncio.create_task(self._pipe.send())
        try:
            while (message := await self._stream.recv_message()) is not None:
                self._made.data_received(MESSAGES.Bytes.FromString(message.SerializeToString()).data)
        finally:
            writer.cancel()


class _Bytes:
    """Messages of bytes on a stream of raw ones."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def send_message(self, message: Any) -> None:
        await self._stream.send_message(raw(message))

    async def end(self) -> None:
        return None


def _kept(metadata: Any) -> list[tuple[str, Any]]:
    return [(key, value) for key, value in (metadata or {}).items() if not key.startswith(("grpc-", ":"))]


async def _copy(receive: Any, send: Any) -> None:
    while (message := await receive()) is not None:
        await send(message)


async def _pass_on(stream: Any, onward: Any) -> None:
    try:
        await _copy(stream.recv_message, onward.send_message)
        await onward.end()
    except StreamTerminatedError:
        pass


def oci_archive(saved: bytes) -> bytes:
    """The archive of `docker save` as an OCI layout."""
    blobs: dict[str, bytes] = {}

    def put(data: bytes, kind: str) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": f"{_OCI}.{kind}", "digest": digest, "size": len(data)}

    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:

        def read(name: str) -> bytes:
            member = tar.extractfile(name)
            assert member is not None
            return member.read()

        row = json.loads(read("manifest.json"))[0]
        config = put(read(row["Config"]), "config.v1+json")
        layers = [put(read(name), "layer.v1.tar") for name in row["Layers"]]
    manifest = put(json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode(), "manifest.v1+json")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        files = {f"blobs/{digest.replace(':', '/')}": data for digest, data in blobs.items()}
        files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@contextmanager
def bridge(daemon: str, *, path: str = "", tls: ssl.SSLContext | None = None) -> Iterator[tuple[Bridge, int]]:
    """A bridge in a thread of its own, on a socket or on a free loopback port: (bridge, port)."""
    ready: threading.Event = threading.Event()
    found: list[Any] = []

    async def main() -> None:
        made, stop = Bridge(daemon), asyncio.Event()
        if path:
            await made.server.start(path=path)
        else:
            await made.server.start("127.0.0.1", 0, ssl=tls)
        sockets = made.server._server.sockets  # type: ignore[union-attr]
        port = 0 if path else sockets[0].getsockname()[1]
        found.extend((made, port, asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        made.server.close()
        made.daemon.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield found[0], found[1]
    finally:
        found[2].call_soon_threadsafe(found[3].set)
        thread.join(10)
