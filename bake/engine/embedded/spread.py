"""Whole states as files of this host (an output of type local): this user's, with the modes and times of the image.

What is there already is replaced, file by file and never through a link: a link in the way is itself replaced. So an
image cannot write outside of the directory, and neither can a directory that was prepared to lead elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress

from bake.engine.embedded.answers import Left
from bake.engine.embedded.attributes import FILE_TYPES, Ownership
from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.remove import remove_tree
from bake.engine.embedded.requests import Spread, Whole
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.transfer import Copier, write_all
from bake.engine.embedded.walk import walk
from bake.errors import Diagnostic, HostError, InputError
from bake.plan.tree import Entry

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def spread(request: Spread, may: Ownership, check: Callable[[], None]) -> Left:
    """Writes the files. Raises InputError when two states have one path, HostError for a full directory in the way."""
    with Cursor(request.dest) as cursor:
        target = _Target(cursor, request.dest)
        for whole in request.states:
            target.state(whole, request.latest, may, check)
        for path, data in request.files:
            target.write(path, data)
        target.settle()
        if request.delete:
            _remove_others(cursor, request.dest, target.written)
        return Left(tuple(path.encode("utf-8", "surrogateescape") for path in target.left))


class _Target:
    """A directory being written. `written`: path → entry; `left`: what this host would not make."""

    def __init__(self, cursor: Cursor, root: str) -> None:
        self.written: dict[str, Entry] = {}
        self.left: list[str] = []
        self._cursor = cursor
        self._root = root
        self._copier = Copier()

    def state(self, whole: Whole, latest: int | None, may: Ownership, check: Callable[[], None]) -> None:
        if whole.directory:
            self._make(whole.directory, Entry("d", 0o755), None)
        with Stack(whole.layers, may) as view:
            for path, entry in walk(view, latest, check):
                below = f"{whole.directory}/{path}" if whole.directory else path
                self._make(below, entry, lambda path=path: view.open(path), whole.directory)  # type: ignore[misc]

    def write(self, path: str, data: bytes) -> None:
        """A file of our own. Raises InputError when the image has one there."""
        if path in self.written:
            message = f"the image has a file {path}, where a statement about it is to be written"
            raise InputError(Diagnostic("path-conflict", message, hint="use platform-split = true, or drop `attest`"))
        handle = self._draft(path)
        try:
            write_all(handle, data)
            os.fchmod(handle, 0o644)
        finally:
            os.close(handle)
        self._in_place(path)
        self.written[path] = Entry("f", 0o644)

    def settle(self) -> None:
        """Modes and times of directories, the deepest first: writing below changes the time, the mode may forbid it."""
        for path, entry in reversed(self.written.items()):
            if entry.kind == "d" and entry.mtime:
                directory, name = self._cursor.parent(path)
                os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=directory, follow_symlinks=False)
                os.chmod(name, entry.mode, dir_fd=directory)

    def _make(self, path: str, entry: Entry, source: Callable[[], int] | None, directory: str = "") -> None:
        before = self.written.get(path)
        if before is not None and (before.kind, entry.kind) != ("d", "d"):
            message = f"{path} belongs to the images of two platforms"
            raise InputError(Diagnostic("path-conflict", message, hint="leave out platform-split = false"))
        if entry.kind == "d":
            self._directory(path)
        elif entry.kind == "f" and entry.link:
            self._link(f"{directory}/{entry.link}" if directory else entry.link, path)
        elif entry.kind == "f":
            assert source is not None
            self._file(path, entry, source)
        elif not self._special(path, entry):
            self.left.append(path)
            return
        self.written[path] = entry

    def _directory(self, path: str) -> None:
        parent, name = self._cursor.parent(path)
        with suppress(FileNotFoundError):
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                os.chmod(name, stat.S_IMODE(info.st_mode) | 0o700, dir_fd=parent)
                return
            os.unlink(name, dir_fd=parent)
        os.mkdir(name, 0o700, dir_fd=parent)

    def _file(self, path: str, entry: Entry, source: Callable[[], int]) -> None:
        handle, opened = self._draft(path), source()
        try:
            self._copier.copy(opened, handle)
            os.fchmod(handle, entry.mode)
            os.utime(handle, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(opened)
            os.close(handle)
        self._in_place(path)

    def _link(self, first: str, path: str) -> None:
        directory, name = self._cursor.parent(first)
        held = os.dup(directory)
        try:
            parent, _ = self._cursor.parent(path)
            with suppress(FileNotFoundError):
                os.unlink(_draft_name(), dir_fd=parent)
            os.link(name, _draft_name(), src_dir_fd=held, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(held)
        self._in_place(path)

    def _special(self, path: str, entry: Entry) -> bool:
        """Links, pipes, devices; whether this host let it be made."""
        parent, _ = self._cursor.parent(path)
        name = _draft_name()
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        if entry.kind == "l":
            os.symlink(entry.link, name, dir_fd=parent)
        elif entry.kind == "s":
            return False
        else:
            try:
                os.mknod(name, FILE_TYPES[entry.kind] | entry.mode, entry.device, dir_fd=parent)
                os.chmod(name, entry.mode, dir_fd=parent)
            except PermissionError:
                return False
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
        self._in_place(path)
        return True

    def _draft(self, path: str) -> int:
        parent, _ = self._cursor.parent(path)
        with suppress(FileNotFoundError):
            os.unlink(_draft_name(), dir_fd=parent)
        return os.open(_draft_name(), _NEW, 0o600, dir_fd=parent)

    def _in_place(self, path: str) -> None:
        parent, name = self._cursor.parent(path)
        try:
            os.rename(_draft_name(), name, src_dir_fd=parent, dst_dir_fd=parent)
        except IsADirectoryError:
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError:
                os.unlink(_draft_name(), dir_fd=parent)
                message = f"{self._root}/{path} is a directory with files; the image has no directory there"
                raise HostError(
                    Diagnostic("output-failed", message, hint="remove it, or take another `dest`")
                ) from None
            os.rename(_draft_name(), name, src_dir_fd=parent, dst_dir_fd=parent)
        except OSError:
            with suppress(OSError):
                os.unlink(_draft_name(), dir_fd=parent)
            raise
        # A rename between two names of one file does nothing and leaves both.
        with suppress(FileNotFoundError):
            os.unlink(_draft_name(), dir_fd=parent)


def _draft_name() -> str:
    return f".bake.{os.getpid()}"


def _remove_others(cursor: Cursor, root: str, written: dict[str, Entry]) -> None:
    directories = ["", *(path for path, entry in written.items() if entry.kind == "d")]
    for path in directories:
        handle = cursor.at(path)
        for name in os.listdir(handle):
            below = f"{path}/{name}" if path else name
            if below in written:
                continue
            info = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                remove_tree(os.path.join(root, below))
            else:
                os.unlink(name, dir_fd=handle)
