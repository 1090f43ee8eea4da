"""One piece of network work in a thread: how to stop it from the event loop, and how far it has come.

A thread blocked in a read cannot be cancelled, but its socket can be shut down under it, which wakes it at once
(reference/libraries.md, "HTTP client"). So the thread keeps its current socket here, and cancelling shuts that down.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")

Progress = Callable[[int], None]
"""Takes the bytes transferred so far; called in the event loop, about five times a second and once at the end."""

_TICK = 0.2
_GRACE = 2.0  # seconds for a cancelled thread to notice; one that hangs in a name lookup is left behind


class Stopped(Exception):
    """Raised in the thread of an operation that was cancelled. Never seen outside of this package."""


class Operation:
    """Shared by the thread that works and the loop that waits. `what` completes "cannot …" in messages."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.transferred = 0
        self._socket: socket.socket | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def use(self, sock: socket.socket | None) -> None:
        """Notes the socket the thread is about to block on. Raises Stopped when the operation is cancelled."""
        with self._lock:
            self._socket = sock
        self.check()

    def check(self) -> None:
        """Raises Stopped when the operation is cancelled."""
        if self._stopped.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Waits; raises Stopped as soon as the operation is cancelled."""
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """Wakes the thread wherever it blocks and makes it end. Called from any thread, any number of times."""
        self._stopped.set()
        with self._lock:
            sock = self._socket
        if sock is None:
            return
        try:
            # Not sock.shutdown(): an SSLSocket would drop its TLS object, which the thread is using.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            pass


async def run(
    operation: Operation,
    work: Callable[[Operation], T],
    limiter: anyio.CapacityLimiter | None = None,
    progress: Progress | None = None,
) -> T:
    """Runs `work(operation)` in a thread. When cancelled, stops it and waits for its end before going on."""
    begun, ended = threading.Event(), threading.Event()

    def body() -> T:
        begun.set()
        try:
            operation.check()
            return work(operation)
        finally:
            ended.set()

    try:
        if progress is None:
            return await anyio.to_thread.run_sync(body, abandon_on_cancel=True, limiter=limiter)
        return await _with_progress(operation, body, limiter, progress)
    except anyio.get_cancelled_exc_class():
        operation.stop()
        if begun.is_set():
            await _wait_for(ended)
        raise


async def _with_progress(
    operation: Operation, body: Callable[[], T], limiter: anyio.CapacityLimiter | None, progress: Progress
) -> T:
    async def tick() -> None:
        while True:
            await anyio.sleep(_TICK)
            progress(operation.transferred)

    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        try:
            result = await anyio.to_thread.run_sync(body, abandon_on_cancel=True, limiter=limiter)
        except Exception as error:  # carried over the end of the group, which would wrap it
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    progress(operation.transferred)
    return result


async def _wait_for(ended: threading.Event) -> None:
    deadline = time.monotonic() + _GRACE
    with anyio.CancelScope(shield=True):
        while not ended.is_set() and time.monotonic() < deadline:
            await anyio.sleep(0.01)
