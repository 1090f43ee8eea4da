"""Reads what a RUN step left in its overlayfs upper directory as a listing, and cleans the directory into a layer.

Rules: reference/engine.md §2, "Reading upper". The directory ends up holding exactly what the listing says: files that
were only copied up, marks that hide nothing and overlayfs's own notes are taken out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import file_digest

from msgspec.structs import replace

from bake.engine.embedded.attributes import Ownership, is_opaque, kind_of, read_entry
from bake.engine.embedded.cursor import Cursor, inside
from bake.engine.embedded.resolve import join
from bake.engine.embedded.stack import Stack
from bake.errors import Diagnostic, StepError
from bake.plan.tree import Entry, Listing

_MOST_PATH = 4095
_NOTES = (".overlay.origin", ".overlay.impure", ".overlay.nlink", ".overlay.uuid", ".overlay.protattr")


def read_upper(fs: str, lower: Stack, may: Ownership, check: Callable[[], None]) -> Listing:
    """The changes in `fs`, in canonical order. Raises StepError for a path that no archive can hold."""
    with Cursor(fs) as cursor:
        return _Reading(cursor, lower, may, check).all()


class _Reading:
    def __init__(self, cursor: Cursor, lower: Stack, may: Ownership, check: Callable[[], None]) -> None:
        self.cursor = cursor
        self.lower = lower
        self.may = may
        self.check = check
        self.found: dict[str, Entry] = {}
        self.inodes: dict[tuple[int, int], str] = {}
        self.linked: set[str] = set()  # files of this layer that have several names
        self.disturbed: set[str] = set()  # directories that something was taken out of
        self.hiding: set[str] = set()  # directories with nothing of the lower state in view below

    def all(self) -> Listing:
        self._root()
        todo = self._names("")
        while todo:
            path = todo.pop()
            self.check()
            if self._take(path):
                todo.extend(self._names(path))
        self._drop_idle_directories()
        for path in self.disturbed & self.found.keys():
            mtime = self.found[path].mtime
            os.utime(self.cursor.at(path), ns=(mtime, mtime))
        return self.found

    def _root(self) -> None:
        root = read_entry(self.cursor.at(""), ".")
        before = self.lower.lookup("") or Entry("d", 0o755)
        if is_opaque(self.cursor.at(""), self.may):
            self.hiding.add("")
            root = replace(root, opaque=self.lower.has_children(""))
        if root.identity() != before.identity():
            self.found[""] = root

    def _names(self, directory: str) -> list[str]:
        """Paths in a directory, the first in canonical order last."""
        names = sorted(os.listdir(self.cursor.at(directory)), key=os.fsencode, reverse=True)
        return [join(directory, name) for name in names]

    def _take(self, path: str) -> bool:
        """Notes one path; True for a directory."""
        if len(path) > _MOST_PATH:
            raise StepError(Diagnostic("path-too-long", f"the step made a path longer than {_MOST_PATH}: {path[:60]}…"))
        directory, name = self.cursor.parent(path)
        info = os.stat(name, dir_fd=directory, follow_symlinks=False)
        kind = kind_of(info)
        if kind == "w":
            if self._below(path) is None:
                self._unlink(path, directory, name)
            else:
                self.found[path] = Entry("w")
            return False
        entry = self._owned(path, read_entry(directory, name, info))
        self._strip(inside(directory, name))
        if kind == "d":
            self._directory(path, entry)
            return True
        entry = self._file(path, entry, directory, name, info) if kind == "f" else self._other(path, entry, info)
        if entry.first:
            self.found[path] = entry
        elif self._unchanged(path, entry):
            self._unlink(path, directory, name)
        else:
            self.found[path] = entry
        return False

    def _unlink(self, path: str, directory: int, name: str) -> None:
        os.unlink(name, dir_fd=directory)
        self.disturbed.add(path.rpartition("/")[0])

    def _directory(self, path: str, entry: Entry) -> None:
        handle = self.cursor.at(path)
        below = self._below(path)
        if below is None or below.kind != "d":
            self.hiding.add(path)
        elif is_opaque(handle, self.may):
            self.hiding.add(path)
            if self.lower.has_children(path):
                self.found[path] = replace(entry, opaque=True)
                return
        if is_opaque(handle, self.may):
            os.removexattr(inside(handle), self.may.opaque_xattr)
        self.found[path] = entry

    def _file(self, path: str, entry: Entry, directory: int, name: str, info: os.stat_result) -> Entry:
        inode = (info.st_dev, info.st_ino)
        if info.st_nlink > 1 and inode in self.inodes:
            first = self.inodes[inode]
            return replace(entry, link=first, digest=self.found[first].digest)
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        with os.fdopen(handle, "rb", buffering=0) as file:
            digest = file_digest(file, "sha256").hexdigest()
        if info.st_nlink > 1:
            self.inodes[inode] = path
            self.linked.add(path)
        return replace(entry, digest=digest)

    def _other(self, path: str, entry: Entry, info: os.stat_result) -> Entry:
        """Links and nodes may have several names as well."""
        if info.st_nlink < 2:
            return entry
        first = self.inodes.setdefault((info.st_dev, info.st_ino), path)
        self.linked.add(first)
        return entry.linked("" if first == path else first)

    def _unchanged(self, path: str, entry: Entry) -> bool:
        """Whether a file was only copied up: equal in everything, its time too. Hard links always count as changed."""
        if path in self.linked:
            return False
        below = self._below(path)
        if below is None or below.mtime != entry.mtime or replace(entry, digest="").identity() != below.identity():
            return False
        if entry.kind != "f":
            return True
        handle = self.lower.open(path)
        with os.fdopen(handle, "rb", buffering=0) as file:
            return file_digest(file, "sha256").hexdigest() == entry.digest

    def _below(self, path: str) -> Entry | None:
        parent = path
        while parent:
            parent = parent.rpartition("/")[0]
            if parent in self.hiding:
                return None
        return self.lower.lookup(path)

    def _owned(self, path: str, entry: Entry) -> Entry:
        """Where only one id can be used, a file keeps the owner that it is told to have below."""
        below = None if self.may.chown else self._below(path)
        return replace(entry, uid=below.uid, gid=below.gid) if below is not None else entry

    def _strip(self, path: str) -> None:
        """Takes overlayfs's notes off; they mean nothing in a lower layer."""
        names = os.listxattr(path, follow_symlinks=False)
        for name in names:
            if name.endswith(_NOTES) and name.startswith(("trusted.", "user.")):
                os.removexattr(path, name, follow_symlinks=False)

    def _drop_idle_directories(self) -> None:
        """Takes out directories that are as below, but for their time, and hold nothing any more: as BuildKit's do."""
        holding: set[str] = set()
        for path in reversed(list(self.found)):
            entry = self.found[path]
            if path and entry.kind == "d" and path not in holding and not entry.opaque:
                below = self._below(path)
                if below is not None and below.identity() == entry.identity():
                    directory, name = self.cursor.parent(path)
                    os.rmdir(name, dir_fd=directory)
                    self.disturbed.add(path.rpartition("/")[0])
                    del self.found[path]
                    continue
            holding.add(path.rpartition("/")[0])
