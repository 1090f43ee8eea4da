"""FileSync: the builder lists the files that a step reads, and fetches those that it does not have yet."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import IO, Any

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bake.engine.buildkit.asked import asked_of, narrowed
from bake.engine.buildkit.connect import send_together
from bake.engine.buildkit.sent import Sent, SentFile
from bake.engine.buildkit.session import Method, Methods
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.plan.tree import Entry

STAT, REQ, DATA, FIN, ERR = range(5)
_PIECE = 1 << 20
_SMALL, _FILES = 16 << 10, 64
"""Bytes of a file that is read and sent with others, and how many of them at most."""
_ROWS = 100
"""Rows of a listing that are sent in one piece."""
_TYPES = {"f": 0, "d": 1 << 31, "l": 1 << 27, "c": 1 << 26 | 1 << 21, "b": 1 << 26, "p": 1 << 25}
_GO_BITS = {0o4000: 1 << 23, 0o2000: 1 << 22, 0o1000: 1 << 20}


class Changed(Exception):
    """A file is no longer what the step's key was made from."""


class FileSync:
    """`sources`: name → what is sent under it; of `directories` just what is asked for.

    `sent_files` and `sent_bytes` count contents that left.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Sent] = {}
        self.directories: dict[str, Sent] = {}
        self.problems: list[str] = []
        self.sent_files = 0
        self.sent_bytes = 0

    def methods(self) -> Methods:
        packet = MESSAGES.Packet
        return {"/moby.filesync.v1.FileSync/DiffCopy": Method(self._answer, packet, packet, streaming=True)}

    async def _answer(self, stream: Any) -> None:
        name = str((stream.metadata or {}).get("dir-name", ""))
        sent = self.sources.get(name)
        if sent is None and name in self.directories:
            sent = narrowed(self.directories[name], asked_of(stream.metadata))
        if sent is None:
            raise GRPCError(Status.NOT_FOUND, f"no directory {name}")
        await _Transfer(self, stream, sent).run()


class _Transfer:
    """One listing with the contents asked for: a reader, and one writer, as messages must not interleave."""

    def __init__(self, service: FileSync, stream: Any, sent: Sent) -> None:
        self._service = service
        self._stream = stream
        self._sent = sent
        self._asked: asyncio.Queue[int | None] = asyncio.Queue()
        self._writing = asyncio.Lock()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list())
            group.create_task(self._give())
            await self._read()
        await self._stream.send_message(MESSAGES.Packet(type=FIN))

    async def _send(self, *packets: Any) -> None:
        async with self._writing:
            await send_together(self._stream, packets)

    async def _list(self) -> None:
        files = self._sent.files
        for at in range(0, len(files), _ROWS):
            await self._send(*(MESSAGES.Packet(type=STAT, stat=stat_of(file)) for file in files[at : at + _ROWS]))
            await asyncio.sleep(0)  # what was asked meanwhile need not wait for the end of the list
        await self._send(MESSAGES.Packet(type=STAT))

    async def _read(self) -> None:
        while (packet := await self._stream.recv_message()) is not None:
            if packet.type == REQ:
                self._asked.put_nowait(packet.id)
            elif packet.type == FIN:
                break
            elif packet.type == ERR:
                self._service.problems.append(packet.data.decode(errors="replace"))
                break
        self._asked.put_nowait(None)

    async def _give(self) -> None:
        while numbers := await self._wanted():
            small = [number for number in numbers if self._sent.files[number].entry.size <= _SMALL]
            for at in range(0, len(small), _FILES):
                await self._send_small(small[at : at + _FILES])
            for number in sorted({*numbers}.difference(small)):
                await self._stream_one(number)

    async def _wanted(self) -> list[int]:
        """What was asked for and is not given yet; nothing at the end."""
        asked = [await self._asked.get()]
        while not self._asked.empty():
            asked.append(self._asked.get_nowait())
        if None in asked:
            self._asked.put_nowait(None)
        return [number for number in asked if number is not None]

    async def _send_small(self, numbers: Sequence[int]) -> None:
        """Reads files in one go, as a change of threads costs more than a small file."""
        files = [self._sent.files[number] for number in numbers]
        contents = await asyncio.to_thread(lambda: [b"".join(self._checked(file)) for file in files])
        packets = []
        for number, data in zip(numbers, contents, strict=True):
            self._count(1, len(data))
            packets += [MESSAGES.Packet(type=DATA, id=number, data=data)] if data else []
            packets.append(MESSAGES.Packet(type=DATA, id=number))
        await self._send(*packets)

    async def _stream_one(self, number: int) -> None:
        self._count(1, 0)
        pieces = self._checked(self._sent.files[number])
        while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
            self._count(0, len(piece))
            await self._send(MESSAGES.Packet(type=DATA, id=number, data=piece))
        await self._send(MESSAGES.Packet(type=DATA, id=number))

    def _count(self, files: int, size: int) -> None:
        self._service.sent_files += files
        self._service.sent_bytes += size

    def _checked(self, file: SentFile) -> Iterator[bytes]:
        """As `_pieces`; what is wrong with the file ends the call, and is noted."""
        try:
            yield from _pieces(file)
        except (OSError, Changed) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            self._service.problems.append(f"{file.source or file.path}: {said}")
            raise GRPCError(Status.ABORTED, self._service.problems[-1]) from None


def _pieces(file: SentFile) -> Iterator[bytes]:
    """The file's bytes. Raises Changed when they are not those that the plan has read."""
    found = hashlib.sha256()
    handle = os.open(file.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as opened:
        while piece := _read(opened):
            found.update(piece)
            yield piece
    if file.entry.digest and found.hexdigest() != file.entry.digest:
        raise Changed("changed while it was being read")


def _read(opened: IO[bytes]) -> bytes:
    return opened.read(_PIECE)


def stat_of(file: SentFile) -> Any:
    """A path as the builder gets to see it: owned by 0:0, with its own time (reference §3)."""
    entry = file.entry
    return MESSAGES.Stat(
        path=file.path,
        mode=go_mode(entry),
        size=entry.size if entry.kind == "f" else 0,
        mtime=entry.mtime,
        link=entry.link,
        devmajor=os.major(entry.device) if entry.kind in "cb" else 0,
        devminor=os.minor(entry.device) if entry.kind in "cb" else 0,
    )


def go_mode(entry: Entry) -> int:
    """Mode bits as Go's os.FileMode has them."""
    extra = sum(theirs for ours, theirs in _GO_BITS.items() if entry.mode & ours)
    return (entry.mode & 0o777) | extra | _TYPES[entry.kind]
