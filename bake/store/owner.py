"""Who a scratch directory belongs to: one opened store of one process, alive as long as it holds its lock.

The name (boot, pid, start of the process, a random part) is for people; the truth is the flock on `locks/<name>`, which
the kernel gives up with the process. The lock is taken before `tmp/<name>` is made, so a directory without a held lock
is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from itertools import count
from pathlib import Path
from shutil import rmtree
from threading import Lock


def boot_id() -> str:
    """Another value after every start of the machine; "" where the kernel tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Owner:
    """Makes nothing before the first scratch directory is asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mutex = Lock()
        self._numbers = count(1)
        self._lock: int | None = None
        self.name = ""

    def scratch(self) -> Path:
        """A new empty directory."""
        path = self.place()
        path.mkdir(mode=0o700)
        return path

    def place(self) -> Path:
        """A path that nothing is at, in the directory of this owner."""
        with self._mutex:
            if self._lock is None:
                self._begin()
            return self._root / "tmp" / self.name / f"{next(self._numbers):x}"

    def close(self) -> None:
        """Removes the scratch directories and gives up the lock. What can't be removed is swept by another process."""
        with self._mutex:
            if self._lock is None:
                return
            rmtree(self._root / "tmp" / self.name, ignore_errors=True)
            (self._root / "locks" / self.name).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _begin(self) -> None:
        self.name = f"{boot_id()[:8]}-{os.getpid()}-{_started()}-{secrets.token_hex(4)}"
        self._lock = _locked(self._root / "locks" / self.name)
        (self._root / "tmp" / self.name).mkdir(mode=0o700)


def claim_dead(lock: Path) -> int | None:
    """A handle on the lock of an owner that died, held; None while the owner lives."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _locked(path: Path) -> int:
    """Takes the lock of a new owner. A sweeper may meet the file before it is locked and remove it: then once more."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        os.close(handle)


def _started() -> str:
    """When this process started, in clock ticks since boot; with the boot it tells processes of one pid apart."""
    try:
        return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"
