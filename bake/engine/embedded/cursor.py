"""Moves through a directory tree of ours by directory handles, never by whole path strings.

So no symbolic link inside the tree can lead outside of it, and paths may be longer than PATH_MAX. At most two handles
are open at a time however deep the tree is. The tree must not be changed by anybody else meanwhile.
"""

from __future__ import annotations

import os
from types import TracebackType

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Cursor:
    """Stands in one directory of the tree below `root`."""

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._here = os.dup(self._root)
        self._parts: list[str] = []

    def at(self, path: str) -> int:
        """A handle of the directory `path` (relative, no `..`, "" = the root), good until the next call.

        Raises FileNotFoundError, or NotADirectoryError when a component is something else, a symbolic link included.
        """
        wanted = path.split("/") if path else []
        same = 0
        for mine, other in zip(self._parts, wanted, strict=False):
            if mine != other:
                break
            same += 1
        if len(self._parts) - same > same:
            self._enter(os.dup(self._root))
            self._parts, same = [], 0
        while len(self._parts) > same:
            self._enter(os.open("..", _FLAGS, dir_fd=self._here))
            self._parts.pop()
        for name in wanted[same:]:
            self._enter(_open(name, self._here))
            self._parts.append(name)
        return self._here

    def parent(self, path: str) -> tuple[int, str]:
        """A handle of the directory that holds `path`, and the last component."""
        directory, _, name = path.rpartition("/")
        return self.at(directory), name

    def _enter(self, handle: int) -> None:
        os.close(self._here)
        self._here = handle

    def close(self) -> None:
        os.close(self._here)
        os.close(self._root)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _open(name: str, directory: int) -> int:
    try:
        return os.open(name, _FLAGS, dir_fd=directory)
    except OSError as error:
        if error.errno in (20, 40):  # ENOTDIR, ELOOP: both say "a symbolic link" here
            raise NotADirectoryError(error.errno, "not a directory", name) from None
        raise


def inside(directory: int, name: str = "") -> str:
    """A path for calls that take no directory handle (xattrs); the kernel resolves only `name`."""
    return f"/proc/self/fd/{directory}/{name}" if name else f"/proc/self/fd/{directory}"
