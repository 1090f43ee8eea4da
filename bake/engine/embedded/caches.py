"""Cache mounts: directories that outlive steps, kept under the store and never part of a layer (cache.md §8).

One directory a cache: `<key>/<n>/data`, with `<key>/<n>/lock` held shared or exclusively (flock) while a step uses it,
by steps of this and of other bake processes alike; whoever prunes a cache must hold its lock exclusively.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256

import msgspec

from bake.engine.embedded.remove import remove_tree
from bake.plan.step import CacheMount

_PAUSE = 0.1
_MOST_PRIVATE = 1000


def cache_key(mount: CacheMount, source: str) -> str:
    """The cache that a mount means. `source` is the id of the state it starts from, "" for none."""
    start = (source, mount.source) if mount.input >= 0 else ()
    return sha256(msgspec.json.encode((mount.id, start, mount.mode, mount.uid, mount.gid))).hexdigest()[:32]


class Lease:
    """A cache in use. `data` is its directory; `fresh` when nobody has filled it yet."""

    def __init__(self, directory: str, lock: int) -> None:
        self.directory = directory
        self.data = os.path.join(directory, "data")
        self._lock = lock

    @property
    def fresh(self) -> bool:
        return not os.path.isdir(self.data)

    async def fill(self, fill: Callable[[str], Awaitable[None]]) -> None:
        """Makes the directory by `fill(path)` and puts it in place whole. Of several users at once only one does."""
        lock = os.open(os.path.join(self.directory, "filling"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not _lock(lock, fcntl.LOCK_EX):
                await asyncio.sleep(_PAUSE)
            if self.fresh:
                new = os.path.join(self.directory, "new")
                remove_tree(new)
                await fill(new)
                os.rename(new, self.data)
        finally:
            os.close(lock)

    def release(self) -> None:
        os.utime(self.directory)
        os.close(self._lock)


async def lease(root: str, key: str, sharing: str, waiting: Callable[[], None]) -> Lease:
    """Waits for the cache `key` below `root`. `waiting` is called once when another step has it.

    shared: many at once; locked: one at a time; private: one at a time, and a second user gets a cache of its own.
    """
    if sharing == "private":
        for number in range(_MOST_PRIVATE):
            found = _try(os.path.join(root, key, str(number)), fcntl.LOCK_EX)
            if found is not None:
                return found
    exclusively = fcntl.LOCK_EX if sharing == "locked" else fcntl.LOCK_SH
    told = False
    while True:
        found = _try(os.path.join(root, key, "0"), exclusively)
        if found is not None:
            return found
        if not told:
            waiting()
            told = True
        await asyncio.sleep(_PAUSE)


def _try(directory: str, how: int) -> Lease | None:
    os.makedirs(directory, 0o755, exist_ok=True)
    path = os.path.join(directory, "lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        # Pruned between open and lock: the lock would be of a file that is gone.
        if _lock(handle, how) and os.fstat(handle).st_ino == os.stat(path).st_ino:
            return Lease(directory, handle)
    except FileNotFoundError:
        pass
    os.close(handle)
    return None


def _lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
