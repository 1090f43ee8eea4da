"""The helper's own place: a memory file system that nobody outside of its mount namespace sees.

Mount points, generated files and secrets live there, so nothing of them is left on a disk, however the helper ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from bake.engine.embedded import syscalls
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.remove import remove_tree


class Workspace:
    """`home` is an empty directory; with `mounts` it is covered by a tmpfs."""

    def __init__(self, home: str, may: Ownership, mounts: bool) -> None:
        self.may = may
        self.mounts = mounts
        self._home = home
        self._numbers = count(1)
        if mounts:
            flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
            syscalls.mount("tmpfs", home, "tmpfs", flags, "mode=0700")
        self.fillers = (os.path.join(home, "empty-a"), os.path.join(home, "empty-b"))
        for path in self.fillers:
            os.mkdir(path, 0o755)

    @contextmanager
    def place(self) -> Iterator[str]:
        """A new directory for one call, removed with all that is mounted below it."""
        path = os.path.join(self._home, str(next(self._numbers)))
        os.mkdir(path, 0o700)
        try:
            yield path
        finally:
            remove_tree(path)


class Mounts:
    """Mounts of one call; `close` takes them away, the last first."""

    def __init__(self) -> None:
        self._targets: list[str] = []

    def add(self, target: str) -> str:
        """Makes the mount point; the caller mounts there."""
        os.makedirs(target, 0o700, exist_ok=True)
        self._targets.append(target)
        return target

    def close(self) -> None:
        while self._targets:
            with suppress(OSError):
                syscalls.unmount(self._targets.pop())
