"""Locks between processes, by flock: the kernel frees them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

_LONGEST_PAUSE = 0.05


@asynccontextmanager
async def claim(directory: Path, key: str) -> AsyncIterator[None]:
    """Holds the lock of `key`; waits for it without blocking the event loop. Also excludes tasks of one process."""
    import anyio

    path = directory / sha256(key.encode()).hexdigest()[:32]
    pause = 0.002
    while (handle := try_lock(path)) is None:
        await anyio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    try:
        yield
    finally:
        release(path, handle)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock file, or None while another one does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    # Its holder removes the file: what we locked may be gone from the directory meanwhile, and then it locks nothing.
    try:
        same = os.fstat(handle).st_ino == os.stat(path).st_ino
    except FileNotFoundError:
        same = False
    if not same:
        os.close(handle)
        return None
    return handle


def release(path: Path, handle: int) -> None:
    """Removes the file while it is still locked, then lets go."""
    path.unlink(missing_ok=True)
    os.close(handle)
