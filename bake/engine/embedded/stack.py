"""Reads a state from its layer directories as overlayfs would show it, without mounting anything.

So COPY needs no mount (it works on a host that forbids them, and files can be cloned from layer to layer).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from msgspec.structs import replace

from bake.engine.embedded.attributes import Ownership, is_opaque, kind_of, read_entry
from bake.plan.listing import decode
from bake.plan.tree import Entry

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_HANDLES = 256


class Stack:
    """A read-only view of `layers` (directories, bottom first). Not to be shared between threads."""

    def __init__(self, layers: Sequence[str], may: Ownership) -> None:
        self._may = may
        self._layers = layers
        self._listings: list[Mapping[str, Entry]] | None = None
        self._roots = tuple(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in reversed(layers))
        self._open: dict[str, tuple[int, ...]] = {}
        self._count = 0

    def lookup(self, path: str) -> Entry | None:
        """The entry of `path` (relative, no symbolic link in its parents is followed), without digest."""
        if not path:
            return self._owned(path, read_entry(self._roots[0], ".")) if self._roots else None
        found = self._find(path)
        return self._owned(path, read_entry(found[0], found[1], found[2])) if found else None

    def stat(self, path: str) -> os.stat_result | None:
        """What the file system says of `path`, which tells names of one file."""
        found = self._find(path)
        return found[2] if found else None

    def open(self, path: str) -> int:
        """A handle of the regular file `path` for reading. Raises FileNotFoundError."""
        found = self._find(path)
        if found is None:
            raise FileNotFoundError(path)
        return os.open(found[1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=found[0])

    def names(self, path: str) -> Iterator[str]:
        """The names in the directory `path`, in no order."""
        seen: set[str] = set()
        for handle in self._directories(path):
            reader = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
            try:
                with os.scandir(reader) as rows:
                    found = [(row.name, kind_of(row.stat(follow_symlinks=False))) for row in rows]
            finally:
                os.close(reader)
            for name, kind in found:
                if name not in seen and kind != "w":
                    yield name
                seen.add(name)

    def has_children(self, path: str) -> bool:
        """Whether the directory `path` holds anything."""
        return any(True for _ in self.names(path))

    def _owned(self, path: str, entry: Entry) -> Entry:
        """With the owner that the listings tell, where this host could not set it."""
        if self._may.chown:
            return entry
        if self._listings is None:
            self._listings = [_read_listing(layer) for layer in reversed(self._layers)]
        told = next((listing[path] for listing in self._listings if path in listing), Entry("d"))
        return replace(entry, uid=told.uid, gid=told.gid)

    def _find(self, path: str) -> tuple[int, str, os.stat_result] | None:
        parent, _, name = path.rpartition("/")
        for handle in self._directories(parent):
            try:
                info = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except (FileNotFoundError, NotADirectoryError):
                continue
            return None if kind_of(info) == "w" else (handle, name, info)
        return None

    def _directories(self, path: str) -> tuple[int, ...]:
        """Handles of the directories that merge into `path`, topmost first; none when it is no directory."""
        missing: list[str] = []
        while path and path not in self._open:
            missing.append(path)
            path = path.rpartition("/")[0]
        found = self._open[path] if path else self._roots
        for path in reversed(missing):
            found = tuple(self._merge(found, path.rpartition("/")[2]))
            self._count += len(found)
            if self._count > _MOST_HANDLES:
                self._forget(keep=path.rpartition("/")[0])
            self._open[path] = found
        return found

    def _merge(self, above: tuple[int, ...], name: str) -> list[int]:
        found: list[int] = []
        for handle in above:
            try:
                info = os.stat(name, dir_fd=handle, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(info.st_mode):
                break
            opened = os.open(name, _FLAGS, dir_fd=handle)
            found.append(opened)
            if is_opaque(opened, self._may):
                break
        return found

    def _forget(self, keep: str = "") -> None:
        """Closes what is cached, except the ancestors of the path in hand."""
        for path in [p for p in self._open if not (keep + "/").startswith(p + "/")]:
            for handle in self._open.pop(path):
                os.close(handle)
                self._count -= 1

    def close(self) -> None:
        for handles in (self._roots, *self._open.values()):
            for handle in handles:
                os.close(handle)
        self._open.clear()
        self._roots = ()

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _read_listing(fs: str) -> Mapping[str, Entry]:
    with open(os.path.join(os.path.dirname(fs), "listing"), "rb") as file:
        return decode(file.read())
