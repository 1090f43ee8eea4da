"""bake's end of the helper process: starts it, sends calls, hands back answers."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import anyio
import msgspec

from bake.engine.embedded.answers import Answer
from bake.engine.embedded.launch import HelperSettings, find_tier, helper_argv
from bake.engine.embedded.requests import Request
from bake.engine.embedded.wire import Call, Cancel, FromHelper, Reply, SandboxChosen, ToHelper, encode, error_of, read
from bake.errors import Diagnostic, HostError
from bake.ports.engine import Say

_START_SECONDS = 30.0
_CANCEL_SECONDS = 20.0
_KEPT_LINES = 40


class Helper:
    """A running helper. Calls may overlap; all end with an error when the helper dies."""

    def __init__(self, process: asyncio.subprocess.Process, tier: str) -> None:
        self.tier = tier
        self.on_sandbox: Callable[[SandboxChosen], None] = lambda _chosen: None
        self._process = process
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ids = count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Answer | None], Say]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._dead = False

    @classmethod
    async def start(cls, home: str, keep: str, sandbox: str) -> Helper:
        """Starts a helper; see HelperSettings. Raises HostError when that does not work."""
        tier = await find_tier()
        ours, theirs = socket.socketpair()
        stdio = tuple(_duplicates())
        settings = HelperSettings(theirs.fileno(), stdio, tier.name, home, keep, sandbox, tier.advice)
        try:
            process = await asyncio.create_subprocess_exec(
                *helper_argv(tier, settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), *stdio),
                env={**os.environ, "PYTHONUTF8": "1"},
            )
        except OSError as error:
            ours.close()
            message = f"cannot start the helper process: {error.strerror}: {error.filename}"
            hint = "install the package util-linux"
            raise HostError(Diagnostic("no-helper", message, hint=hint)) from None
        finally:
            theirs.close()
            for handle in stdio:
                os.close(handle)
        made = cls(process, tier.name)
        await made._connect(ours)
        return made

    async def _connect(self, ours: socket.socket) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=1 << 20)
        ready: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[0] = (ready, lambda *_: None)
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._read(reader))]
        try:
            await asyncio.wait_for(ready, _START_SECONDS)
        except TimeoutError:
            await self.close()
            raise HostError(Diagnostic("no-helper", "the helper process does not answer")) from None
        except BaseException:
            await self.close()
            raise

    async def call(self, request: Request, say: Say) -> Answer:
        """Sends a request and waits. Raises the helper's error; when cancelled, waits until it has tidied up."""
        if self._dead:
            raise self._gone()
        id = next(self._ids)
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting[id] = (future, say)
        try:
            await self._send(Call(id, request))
            answer = await asyncio.shield(future)
        except asyncio.CancelledError:
            await self._cancel(id, future)
            raise
        except ConnectionError:
            raise self._gone() from None
        finally:
            self._waiting.pop(id, None)
        assert answer is not None
        return answer

    async def _cancel(self, id: int, future: asyncio.Future[Answer | None]) -> None:
        with anyio.CancelScope(shield=True), suppress(Exception):
            await self._send(Cancel(id))
            await asyncio.wait([future], timeout=_CANCEL_SECONDS)
        if future.done() and not future.cancelled():
            future.exception()  # seen

    async def _send(self, message: ToHelper) -> None:
        self._writer.write(encode(message))
        await self._writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = msgspec.msgpack.Decoder(FromHelper)
        while (frame := await read(reader)) is not None:
            message = decoder.decode(frame)
            if isinstance(message, SandboxChosen):
                self.on_sandbox(message)
                continue
            future, say = self._waiting.get(message.id, (None, None))
            if future is None or say is None:
                continue
            if isinstance(message, Reply):
                _settle(future, message)
                continue
            try:
                for line in message.lines:
                    say(message.stream, line)
            except Exception as error:  # the caller's own; it must not silence everybody else's calls
                if not future.done():
                    self._writer.write(encode(Cancel(message.id)))
                    future.set_exception(error)
        self._dead = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1.0)
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(self._gone())

    async def _listen(self) -> None:
        """Keeps the last lines that the helper writes to its stderr."""
        assert self._process.stderr is not None
        with suppress(ValueError):
            while line := await self._process.stderr.readline():
                self._said.append(line.decode("utf-8", "replace").rstrip())

    def _gone(self) -> HostError:
        message = "the engine's helper process is gone"
        last = next((line for line in reversed(self._said) if line), "")
        return HostError(Diagnostic("helper-gone", f"{message}: {last}" if last else message))

    async def close(self) -> None:
        """Ends the helper; what it had under way is killed, its mounts vanish with it."""
        with anyio.CancelScope(shield=True):
            self._dead = True
            self._writer.close()
            try:
                await asyncio.wait_for(self._process.wait(), 5.0)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _settle(future: asyncio.Future[Answer | None], reply: Reply) -> None:
    if future.done():
        return
    if reply.failure is not None:
        future.set_exception(error_of(reply.failure))
    else:
        future.set_result(reply.answer)


def _duplicates() -> list[int]:
    """Copies of 0, 1 and 2 for a container that shares them; closed ones become /dev/null."""
    found = []
    for number in (0, 1, 2):
        try:
            found.append(os.dup(number))
        except OSError:
            found.append(os.open(os.devnull, os.O_RDWR))
    return found
