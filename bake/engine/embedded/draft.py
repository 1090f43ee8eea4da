"""A layer in the making: entries over a lower state, written to the layer's directory as they come.

The directory becomes an overlayfs lower and the entries its listing, so neither has to be read back. Attributes of
directories are set last: writing below a directory changes its time, and its mode may forbid to write.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from time import time_ns
from types import TracebackType

from msgspec.structs import replace

from bake.engine.embedded import attributes
from bake.engine.embedded.attributes import FILE_TYPES, Ownership
from bake.engine.embedded.cursor import Cursor, inside
from bake.engine.embedded.entries import Entries
from bake.engine.embedded.resolve import resolve
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.transfer import Copier, copy_hashed
from bake.errors import Diagnostic, StepError
from bake.plan.tree import Entry, Listing

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_PATH = 4095


class Draft:
    """Writes into `fs`, an empty directory of ours; `lower` is what the layer lies on. Paths are relative to the root.

    Paths given to anything but `resolve` must have no symbolic links in their parents.
    """

    def __init__(self, fs: str, lower: Stack, may: Ownership) -> None:
        self.lower = lower
        self.now = time_ns()
        self.may = may
        self._cursor = Cursor(fs)
        self._copier = Copier()
        self._entries = Entries(lower)
        root = lower.lookup("")
        if root is not None:
            attributes.apply(self._cursor.at(""), ".", root, may)

    # Looking

    def lookup(self, path: str) -> Entry | None:
        """What is at `path` now. Files of the lower state come without digest."""
        return self._entries.lookup(path)

    def resolve(self, path: str, base: str = "", above: Callable[[], None] = lambda: None) -> str:
        """Follows links as things stand now; see `resolve.resolve`."""
        return resolve(self.lookup, path, base, above)

    def open(self, path: str) -> int:
        """A handle for reading the regular file at `path`."""
        if path in self._entries:
            directory, name = self._cursor.parent(path)
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        return self.lower.open(path)

    # Writing

    def directory(self, path: str, entry: Entry) -> None:
        """Makes the directory `path`, or gives an existing one the attributes of `entry`. Parents must exist."""
        before = self.lookup(path)
        if before is not None and before.kind != "d":
            if path in self._entries:
                self.remove(path)
            before = None
        if not path:
            self._entries[""] = entry
            return
        if path not in self._entries or self._entries[path].kind == "w":
            self._reach(path.rpartition("/")[0])
            self._make_directory(path, before is None)
        self._entries[path] = replace(entry, opaque=entry.opaque or self._entries[path].opaque)

    def touch(self, path: str, mtime: int) -> None:
        """Sets the time of an existing directory."""
        entry = self.lookup(path)
        if entry is not None and path and entry.mtime != mtime:
            self._reach(path)
            self._entries[path] = replace(self._entries[path], mtime=mtime)

    def file(self, path: str, entry: Entry, source: int | Callable[[int], bytes]) -> Entry:
        """Makes a regular file of an open one, or of what a read function gives; the digest is made if it is not known.

        Whatever was at `path` in this layer is replaced. Returns the entry as written.
        """
        directory, name = self._vacate(path)
        target = os.open(name, _NEW_FILE, 0o600, dir_fd=directory)
        try:
            if isinstance(source, int) and entry.digest:
                self._copier.copy(source, target)
            else:
                read = (lambda size: os.read(source, size)) if isinstance(source, int) else source
                digest, size = copy_hashed(read, target)
                entry = replace(entry, digest=digest, size=size)
        finally:
            os.close(target)
        return self._settle(path, entry, directory, name)

    def symlink(self, path: str, entry: Entry) -> None:
        directory, name = self._vacate(path)
        os.symlink(entry.link, name, dir_fd=directory)
        self._settle(path, entry, directory, name)

    def node(self, path: str, entry: Entry) -> None:
        """A device, fifo or socket. Where the host forbids devices only the listing (so the archive) holds it."""
        directory, name = self._vacate(path)
        try:
            os.mknod(name, FILE_TYPES[entry.kind] | 0o600, entry.device, dir_fd=directory)
        except PermissionError:
            self._entries[path] = entry.linked("")
            return
        self._settle(path, entry, directory, name)

    def put(self, path: str, entry: Entry, open: Callable[[], int]) -> None:
        """Makes what `entry` is, no directory; `open` gives a handle of a regular file's bytes."""
        if entry.kind == "f":
            source = open()
            try:
                self.file(path, entry, source)
            finally:
                os.close(source)
        elif entry.kind == "l":
            self.symlink(path, entry)
        else:
            self.node(path, entry)

    def link(self, path: str, to: str) -> None:
        """A hard link to `to`, no directory, which is copied into this layer if it is not there yet."""
        if to not in self._entries:
            self._copy_up(to)
        entry = self._entries[to]
        target = entry.first or to
        if path == target:
            return
        self._vacate(path)
        if target not in self._entries:
            raise FileNotFoundError(to)
        directory, name = self._cursor.parent(target)
        held = os.dup(directory)
        try:
            directory, new = self._cursor.parent(path)
            with suppress(*_not_made(entry)):
                os.link(name, new, src_dir_fd=held, dst_dir_fd=directory, follow_symlinks=False)
        finally:
            os.close(held)
        self._entries.link(path, target)

    def amend(self, path: str, entry: Entry) -> None:
        """Gives the regular file at `path`, all its names alike, the attributes of `entry` (of a hard link's own)."""
        now = self._entries[path]
        wanted = replace(now, mode=entry.mode, uid=entry.uid, gid=entry.gid, mtime=entry.mtime)
        if wanted == now:
            return
        leader = now.link or path
        directory, name = self._cursor.parent(leader)
        attributes.apply(directory, name, replace(wanted, link=""), self.may)
        self._entries.amend(leader, wanted)

    def whiteout(self, path: str) -> None:
        """Deletes what lower states hold at `path` (an image layer's `.wh.` entry); this layer's own path stays."""
        entry = self._entries.own(path)
        if entry is not None and entry.kind == "d":
            self.opaque(path)
        if entry is not None:
            return
        directory, name = self._vacate(path)
        os.mknod(name, stat.S_IFCHR | 0o600, 0, dir_fd=directory)
        self._entries[path] = Entry("w")

    def opaque(self, path: str) -> None:
        """Hides what lower states hold below the directory `path`."""
        self._reach(path)
        self._entries.hide_below(path)
        self._entries[path] = replace(self._entries.own(path) or Entry("d", 0o755), opaque=True)

    def remove(self, path: str) -> None:
        """Takes `path` with all below it out of this layer."""
        for each in self._entries.subtree(path):
            self._unlink(each)

    # Inside

    def _vacate(self, path: str) -> tuple[int, str]:
        """Room for a new non-directory: its parent is in this layer, and nothing of this layer at its place."""
        if len(path) > _MAX_PATH:
            raise StepError(Diagnostic("path-too-long", f"path is longer than {_MAX_PATH} characters: {path[:60]}…"))
        self._reach(path.rpartition("/")[0])
        if path in self._entries:
            self.remove(path)
        return self._cursor.parent(path)

    def _settle(self, path: str, entry: Entry, directory: int, name: str) -> Entry:
        attributes.apply(directory, name, entry, self.may)
        entry = replace(entry, stamp=None, link=entry.link if entry.kind == "l" else "", opaque=False, hard="")
        self._entries[path] = entry
        return entry

    def _reach(self, path: str) -> None:
        """Brings a directory that exists into this layer, with its parents, as overlayfs does at copy-up."""
        missing: list[str] = []
        while path and path not in self._entries:
            missing.append(path)
            path = path.rpartition("/")[0]
        for path in reversed(missing):
            entry = self.lower.lookup(path)
            assert entry is not None and entry.kind == "d", path
            self._make_directory(path, hiding=False)
            self._entries[path] = entry

    def _make_directory(self, path: str, hiding: bool) -> None:
        parent, _, name = path.rpartition("/")
        opaque = path in self._entries
        if opaque:
            self._unlink(path)
        os.mkdir(name, 0o700, dir_fd=self._cursor.at(parent))
        if hiding:
            self._entries.hide_below(path)
            lower = self._entries.lower(path)
            opaque = opaque or (lower is not None and lower.kind == "d")
        self._entries[path] = Entry("d", opaque=opaque)

    def _copy_up(self, path: str) -> None:
        entry = self.lookup(path)
        if entry is None or entry.kind == "d":
            raise FileNotFoundError(path)
        self.put(path, entry, lambda: self.lower.open(path))

    def _unlink(self, path: str) -> None:
        entry = self._entries.take(path)
        directory, name = self._cursor.parent(path)
        if entry.kind == "d":
            os.rmdir(name, dir_fd=directory)
            return
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            if entry.kind not in FILE_TYPES:
                raise

    # Ending

    def drop_unchanged(self) -> None:
        """Takes out what is as below, as the archive of a step's changes leaves it out.

        Files must have the same time too; a directory, which then holds nothing, counts without (as in BuildKit).
        """
        holding: set[str] = set()
        for path in self._entries.deepest_first():
            if path and path not in holding and self._entries.is_unchanged(path):
                self.remove(path)
            else:
                holding.add(path.rpartition("/")[0])

    def finish(self) -> Listing:
        """Sets what had to wait and returns the layer's listing in canonical order."""
        self._entries.forget_root()
        for path in self._entries.deepest_first():
            entry = self._entries[path]
            if entry.kind != "d":
                continue
            directory, name = self._cursor.parent(path) if path else (self._cursor.at(""), ".")
            if entry.opaque:
                os.setxattr(inside(directory, name), self.may.opaque_xattr, b"y")
            attributes.apply(directory, name, entry, self.may)
            self._entries[path] = replace(entry, stamp=None)
        return self._entries.listing()

    def close(self) -> None:
        self._cursor.close()

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _not_made(entry: Entry) -> tuple[type[OSError], ...]:
    """What to expect of a device: where the host forbids them there is none to link to."""
    return (FileNotFoundError,) if entry.kind in "cb" else ()
