"""Temporary directories with an owner: gone with their process, or swept by the next one when it died.

`tmp/<name>.lock` is flocked as long as the owner lives, so a lock that can be taken tells of a dead owner.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import rmtree
from uuid import uuid4

from bake.store.locks import release, try_lock


class Scratches:
    """This process's directory below `tmp`; made at the first use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._name = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._lock: int | None = None
        self._numbers = count(1)

    def new(self) -> Path:
        """A new empty directory."""
        if self._lock is None:
            self._lock = try_lock(self._root / f"{self._name}.lock")
            (self._root / self._name).mkdir(mode=0o700)
        path = self._root / self._name / str(next(self._numbers))
        path.mkdir()
        return path

    def sweep(self) -> None:
        """Removes what dead owners left; what this user may not remove stays for `leftovers`."""
        for lock in list(self._root.glob("*.lock")):
            handle = try_lock(lock)
            if handle is None:
                continue
            directory = lock.with_suffix("")
            rmtree(directory, ignore_errors=True)
            if directory.exists():
                os.close(handle)  # the lock file stays as the sign that something is left
            else:
                release(lock, handle)

    def leftovers(self) -> Iterator[Path]:
        """Directories of dead owners that hold files of other ids: only an engine's helper can remove them."""
        for lock in list(self._root.glob("*.lock")):
            handle = try_lock(lock)
            if handle is None:
                continue
            directory = lock.with_suffix("")
            if directory.exists():
                yield directory
            release(lock, handle)

    def close(self) -> None:
        """Removes this process's directory."""
        if self._lock is None:
            return
        rmtree(self._root / self._name, ignore_errors=True)
        release(self._root / f"{self._name}.lock", self._lock)
        self._lock = None
