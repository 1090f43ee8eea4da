"""Who uses a store: each process that has it open holds a shared lock, and what removes things waits to be alone.

A layer that a process has found must stay until that process is done, and telling others of each one found would cost
every run. So pruning asks for one thing only: that nobody else has the store open.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bake.store.trouble import mapped

FILE = "users"


class Users:
    """The lock of one opened store; it goes with the process, however that ends."""

    def __init__(self, root: Path) -> None:
        with mapped(root):
            self._handle = os.open(root / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else has the store open; while inside, whoever opens it waits if that is so."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = True
        except BlockingIOError:
            found = False
        try:
            yield found
        finally:
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        """Gives up the lock."""
        os.close(self._handle)
