"""The helper process: answers requests one by one or many at a time, file work in threads, containers as tasks."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from bake.engine.embedded import archive, copy, execute, image_layer, mkdir, pack, reading, spread
from bake.engine.embedded.answers import Answer, Done, Ended, Ready
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.lines import LineSplitter
from bake.engine.embedded.remove import remove_inside
from bake.engine.embedded.requests import (
    Archive,
    Copy,
    Exec,
    Interact,
    Mkdir,
    Pack,
    ReadFiles,
    Remove,
    Repack,
    Request,
    Settle,
    Spread,
    Unpack,
)
from bake.engine.embedded.threads import in_thread
from bake.engine.embedded.wire import (
    Call,
    Cancel,
    FromHelper,
    Log,
    Reply,
    SandboxChosen,
    ToHelper,
    encode,
    failure_of,
    read,
)
from bake.engine.embedded.workspace import Workspace
from bake.ports.sandbox import Sandbox

_MOST_WAITING = 4 << 20
"""Bytes of messages that wait for bake to read them; beyond, lines of output are counted instead of sent."""

FindSandbox = Callable[[], Awaitable[Sandbox]]
NeedPlatform = Callable[[str], Awaitable[None]]
"""Raises HostError when programs of a platform cannot run here."""


class Server:
    """One helper's life. `find_sandbox` is asked once, for the first container."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        workspace: Workspace,
        find_sandbox: FindSandbox,
        stdio: tuple[int, ...],
        need: NeedPlatform,
    ) -> None:
        self.workspace = workspace
        self.need = need
        self.stdio = stdio
        self._reader = reader
        self._writer = writer
        self._find_sandbox = find_sandbox
        self._finding = asyncio.Lock()
        self._sandbox: Sandbox | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._decode = msgspec.msgpack.Decoder(ToHelper)

    async def serve(self) -> None:
        """Until bake closes its end or is gone."""
        self._send(Reply(0, Ready()))
        while (frame := await read(self._reader)) is not None:
            message = self._decode.decode(frame)
            if isinstance(message, Cancel):
                task = self._tasks.get(message.id)
                if task is not None:
                    task.cancel()
            else:
                self._tasks[message.id] = asyncio.create_task(self._answer(message))
                await asyncio.sleep(0)  # a task cancelled before its first step would never answer

    async def sandbox(self) -> Sandbox:
        async with self._finding:
            if self._sandbox is None:
                self._sandbox = await self._find_sandbox()
                self._send(SandboxChosen(0, self._sandbox.name, dict(self._sandbox.reductions)))
            return self._sandbox

    async def _answer(self, call: Call) -> None:
        reply = Reply(call.id)
        try:
            handler = HANDLERS[type(call.request)]
            reply = Reply(call.id, await handler(call.request, Caller(self, call.id)))
        except asyncio.CancelledError:
            pass
        except Exception as error:
            reply = Reply(call.id, failure=failure_of(error))
            if reply.failure is not None and reply.failure.code == "engine-defect":
                traceback.print_exc(file=sys.stderr)
        finally:
            # A task of its own, which nobody cancels: whoever cancels a step that has just ended waits for its reply.
            del self._tasks[call.id]
            self._ending[call.id] = asyncio.create_task(self._end(call, reply))

    async def _end(self, call: Call, reply: Reply) -> None:
        """Tidies up, then replies."""
        try:
            scratch = getattr(call.request, "scratch", None)
            if scratch is not None and (reply.answer is None or isinstance(call.request, Interact)):
                await asyncio.to_thread(remove_inside, scratch)
        finally:
            del self._ending[call.id]
            self._send(reply)

    def _send(self, message: FromHelper) -> None:
        with suppress(ConnectionError):
            self._writer.write(encode(message))

    def send_lines(self, log: Log) -> bool:
        """Sends output unless bake is too far behind."""
        if self._writer.transport.get_write_buffer_size() > _MOST_WAITING:
            return False
        self._send(log)
        return True


class Caller:
    """Who made a call: where its output goes."""

    def __init__(self, server: Server, id: int) -> None:
        self.server = server
        self._id = id
        self._splitters: dict[str, LineSplitter] = {}
        self._lost = 0

    def output(self, stream: str, chunk: bytes) -> None:
        """Takes a chunk of a container's output; "" ends the stream."""
        splitter = self._splitters.setdefault(stream, LineSplitter())
        self._lines(stream, splitter.feed(chunk))

    def say(self, line: str) -> None:
        self._lines("progress", [line])

    def flush(self) -> None:
        """The unfinished last lines."""
        for stream, splitter in self._splitters.items():
            self._lines(stream, splitter.feed(b"", final=True))

    def _lines(self, stream: Any, lines: list[str]) -> None:
        if not lines:
            return
        if self._lost:
            lines = [f"[{self._lost} lines left out: they came faster than they could be shown]", *lines]
        if self.server.send_lines(Log(self._id, stream, tuple(lines))):
            self._lost = 0
        else:
            self._lost += len(lines)


Handler = Callable[[Any, Caller], Awaitable[Answer]]


def _in_thread(work: Callable[[Any, Ownership, Callable[[], None]], Answer]) -> Handler:
    async def handler(request: Request, caller: Caller) -> Answer:
        return await in_thread(lambda check: work(request, caller.server.workspace.may, check))

    return handler


async def _exec(request: Exec, caller: Caller) -> Answer:
    await caller.server.need(request.platform)
    sandbox = await caller.server.sandbox()
    try:
        return await execute.execute(request, sandbox, caller.server.workspace, caller.output, caller.say)
    finally:
        caller.flush()


async def _interact(request: Interact, caller: Caller) -> Answer:
    await caller.server.need(request.platform)
    sandbox = await caller.server.sandbox()
    own = [os.dup(number) for number in (0, 1, 2)]
    try:
        for number, handle in enumerate(caller.server.stdio):
            os.dup2(handle, number)
        return Ended(await execute.interact(request, sandbox, caller.server.workspace))
    finally:
        for number, handle in enumerate(own):
            os.dup2(handle, number)
            os.close(handle)


async def _remove(request: Remove, caller: Caller) -> Answer:  # noqa: ARG001
    await asyncio.to_thread(remove_inside, request.directory)
    return Done()


HANDLERS: dict[type, Handler] = {
    Copy: _in_thread(copy.copy),
    Mkdir: _in_thread(mkdir.mkdir),
    Unpack: _in_thread(image_layer.unpack),
    Settle: _in_thread(image_layer.settle),
    Archive: _in_thread(archive.archive),
    Repack: _in_thread(archive.repack),
    Exec: _exec,
    Interact: _interact,
    Remove: _remove,
    Spread: _in_thread(spread.spread),
    Pack: _in_thread(pack.pack),
    ReadFiles: _in_thread(reading.read_files),
}
