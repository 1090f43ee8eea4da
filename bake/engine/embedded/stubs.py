"""Mount points that a step's root lacks. The runtime makes them, so they must be taken out of the layer again.

Rule (dockerfile.md §7): what is still empty afterwards goes, missing parents included, and the time of the directory
above is put back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.resolve import Lookup, resolve


class Stubs:
    """What was missing below `targets` before the step ran."""

    def __init__(self, lookup: Lookup, targets: Iterable[str]) -> None:
        self._missing: dict[str, None] = {}
        self._times: dict[str, int] = {}
        for target in targets:
            self._note(lookup, resolve(lookup, target))

    def _note(self, lookup: Lookup, path: str) -> None:
        while path and lookup(path) is None:
            self._missing[path] = None
            path = path.rpartition("/")[0]
        entry = lookup(path)
        if entry is not None and entry.kind == "d":
            self._times.setdefault(path, entry.mtime)

    def remove(self, upper: str) -> None:
        """Takes them out of the upper directory, which is mounted no more."""
        with Cursor(upper) as cursor:
            for path in sorted(self._missing, key=len, reverse=True):
                with suppress(OSError):
                    _remove_empty(cursor, path)
            for path, mtime in self._times.items():
                with suppress(OSError):
                    os.utime(cursor.at(path), ns=(mtime, mtime))


def _remove_empty(cursor: Cursor, path: str) -> None:
    directory, name = cursor.parent(path)
    info = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISDIR(info.st_mode):
        os.rmdir(name, dir_fd=directory)
    elif stat.S_ISREG(info.st_mode) and info.st_size == 0:
        os.unlink(name, dir_fd=directory)
