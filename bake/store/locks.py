"""Claims on keys, over all processes and all tasks of one: who holds the claim runs the step.

A claim is an open-file-description lock on one byte of `locks/claims`, whose offset is a hash of the key. So there is
no file a key that someone would have to clean up in a race; the kernel drops it with the process; each claim has its
own handle, so that two tasks of one process exclude each other too; and with 2^62 offsets two keys practically never
meet, which matters as a process may hold several claims (with a small set of lock files it could block on itself).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

from bake.store.trouble import mapped

CLAIMS = "claims"
"""The file in `locks/` that belongs to no owner."""

_FIRST_S = 0.001
_LONGEST_S = 0.05


class Claims:
    """The claims of one opened store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: set[int] = set()

    @asynccontextmanager
    async def claim(self, key: str) -> AsyncIterator[None]:
        """See ports.records.Records. Waiting is polling, as a thread blocked in the kernel could not be cancelled."""
        from anyio import sleep

        offset = int.from_bytes(sha256(key.encode("utf-8", "surrogateescape")).digest()[:8]) >> 2
        with mapped(self._root):
            handle = os.open(self._root / "locks" / CLAIMS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held.add(handle)
        try:
            delay = _FIRST_S
            while not self._taken(handle, offset):
                await sleep(delay)
                delay = min(delay * 2, _LONGEST_S)
            yield
        finally:
            self._release(handle)

    def close(self) -> None:
        """Gives up every claim that is still held."""
        for handle in list(self._held):
            self._release(handle)

    def _taken(self, handle: int, offset: int) -> bool:
        with mapped(self._root):
            try:
                fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, offset))
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    return False
                raise
        return True

    def _release(self, handle: int) -> None:
        if handle in self._held:
            self._held.discard(handle)
            os.close(handle)


def _flock(kind: int, offset: int) -> bytes:
    """`struct flock` for one byte at `offset`; the pid must be 0 for locks of a file description."""
    return struct.pack("hhqqi0q", kind, os.SEEK_SET, offset, 1, 0)
