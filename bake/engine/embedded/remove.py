"""Removes trees of any depth and any modes; links are never followed, mounts never entered."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.resolve import join


def remove_inside(directory: str) -> None:
    """Removes everything in `directory`; what cannot be removed stays, without an error."""
    with suppress(FileNotFoundError), Cursor(directory) as cursor:
        _empty(cursor)


def remove_tree(path: str) -> None:
    """Removes `path` with everything in it, if it is there."""
    remove_inside(path)
    with suppress(OSError):
        os.rmdir(path)


def _empty(cursor: Cursor) -> None:
    device = os.fstat(cursor.at("")).st_dev
    todo = [""]
    seen: list[str] = []
    while todo:
        path = todo.pop()
        with suppress(OSError):
            todo.extend(_unlink_files(cursor, path, device))
        seen.append(path)
    for path in reversed(seen[1:]):
        with suppress(OSError):
            directory, name = cursor.parent(path)
            os.rmdir(name, dir_fd=directory)


def _unlink_files(cursor: Cursor, path: str, device: int) -> list[str]:
    """Removes what is no directory in `path`; returns its directories."""
    handle = cursor.at(path)
    found: list[str] = []
    for name in os.listdir(handle):
        with suppress(OSError):
            info = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if info.st_dev != device:
                continue
            if stat.S_ISDIR(info.st_mode):
                os.chmod(name, 0o700, dir_fd=handle)
                found.append(join(path, name))
            else:
                os.unlink(name, dir_fd=handle)
    return found
