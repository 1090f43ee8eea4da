"""SSH: each connection to the agent inside a step is one stream, copied to the agent's socket on this host."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES

_PIECE = 32 << 10


class Agents:
    """`sockets`: id → path of the agent's socket."""

    def __init__(self, sockets: MutableMapping[str, str] | None = None) -> None:
        self.sockets = {} if sockets is None else sockets

    def over(self, sockets: Mapping[str, str]) -> Agents:
        """The same with these before them, by the very ids that they have."""
        return Agents(ChainMap(dict(sockets), self.sockets))

    def add(self, id: str, socket: str | None) -> str:
        """The id by which a step reaches `socket`; None is an agent that is not there."""
        name, number = id, 1
        while self.sockets.get(name) != socket and name in self.sockets:
            number += 1
            name = f"{id}.{number}"
        if socket is not None:
            self.sockets[name] = socket
        return name

    def methods(self) -> Methods:
        check = Method(self._check, MESSAGES.AgentRequest, MESSAGES.Empty)
        forward = Method(self._forward, MESSAGES.Bytes, MESSAGES.Bytes, streaming=True)
        return {"/moby.sshforward.v1.SSH/CheckAgent": check, "/moby.sshforward.v1.SSH/ForwardAgent": forward}

    def _socket(self, id: str) -> str:
        path = self.sockets.get(id or "default")
        if path is None:
            raise GRPCError(Status.NOT_FOUND, f"ssh agent {id or 'default'}: not found")
        return path

    async def _check(self, stream: Any) -> None:
        request = await stream.recv_message()
        self._socket(request.id)
        await stream.send_message(MESSAGES.Empty())

    async def _forward(self, stream: Any) -> None:
        path = self._socket(str((stream.metadata or {}).get("buildkit.ssh.id", "")))
        try:
            reader, writer = await asyncio.open_unix_connection(path)
        except OSError as error:
            raise GRPCError(Status.UNAVAILABLE, f"ssh agent at {path}: {error.strerror}") from None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_out(reader, stream))
                await _in(stream, writer)
        finally:
            writer.close()


async def _in(stream: Any, writer: asyncio.StreamWriter) -> None:
    while (message := await stream.recv_message()) is not None:
        writer.write(message.data)
        await writer.drain()
    writer.write_eof()


async def _out(reader: asyncio.StreamReader, stream: Any) -> None:
    while data := await reader.read(_PIECE):
        await stream.send_message(MESSAGES.Bytes(data=data))
