"""FileSend as the exporter `local` uses it: the builder lists files, we ask for contents (reference §3)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.received import Received, Refused
from bake.engine.buildkit.services.filesync import DATA, ERR, FIN, REQ, STAT
from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES

_ENOUGH = 1 << 20


class FileReceive:
    """Takes the files of one state into the archive `file`, which is not there yet.

    `done`: whether all are there; `problem`: why it refused.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.problem = ""
        self.done = False

    def methods(self) -> Methods:
        packet = MESSAGES.ReceivedPacket
        return {"/moby.filesync.v1.FileSend/DiffCopy": Method(self._answer, packet, packet, streaming=True)}

    async def _answer(self, stream: Any) -> None:
        room = shutil.disk_usage(self._file.parent).free
        try:
            with self._file.open("xb") as out:
                await _Transfer(stream, Received(out, room)).run()
            self.done = True  # before the builder hears of it, and ends the solve
            await _part(stream)
        except* Refused as group:
            self.problem = str(group.exceptions[0])
            raise GRPCError(Status.ABORTED, f"refused: {self.problem}") from None


async def _part(stream: Any) -> None:
    await stream.send_message(MESSAGES.ReceivedPacket(type=FIN))
    while (packet := await stream.recv_message()) is not None and packet.type != FIN:
        pass


class _Transfer:
    """A reader, and one asker, so that neither waits for the other."""

    def __init__(self, stream: Any, received: Received) -> None:
        self._stream = stream
        self._received = received
        self._wanted: asyncio.Queue[int | None] = asyncio.Queue()
        self._pieces: list[tuple[int, bytes]] = []
        self._size = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask())
            await self._read()
        self._received.close()

    async def _ask(self) -> None:
        while (number := await self._wanted.get()) is not None:
            await self._stream.send_message(MESSAGES.ReceivedPacket(type=REQ, id=number))

    async def _read(self) -> None:
        """Until all is listed and all contents are here. Raises Refused."""
        listed = False
        while not (listed and not self._received.missing):
            packet = await self._stream.recv_message()
            if packet is None:
                raise Refused("an end before all is sent")
            if packet.type == STAT and packet.HasField("stat"):
                number = self._received.add(packet.stat)
                if number is not None:
                    self._wanted.put_nowait(number)
            elif packet.type == STAT:
                listed = True
            elif packet.type == DATA:
                await self._take(packet.id, packet.data)
            elif packet.type == ERR:
                raise Refused(packet.data.decode(errors="replace"))
        self._write(self._pieces)  # what nobody has asked for
        self._wanted.put_nowait(None)

    async def _take(self, number: int, data: bytes) -> None:
        """Pieces are small, and a thread for each would cost more than they do."""
        self._pieces.append((number, data))
        self._size += len(data)
        if not data or self._size >= _ENOUGH:
            pieces, self._pieces, self._size = self._pieces, [], 0
            if sum(len(data) for _, data in pieces) >= _ENOUGH:
                await asyncio.to_thread(self._write, pieces)
            else:
                self._write(pieces)

    def _write(self, pieces: list[tuple[int, bytes]]) -> None:
        for number, data in pieces:
            self._received.write(number, data)
