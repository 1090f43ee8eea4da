"""What SQLite and the file system refuse, as errors that say what to do. Mapped here, at the boundary, only."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bake.errors import Diagnostic, HostError

_ELSEWHERE = "or set BAKE_STORE to another directory"
_MOUNT = f"mount it writable, {_ELSEWHERE}"
_SPACE = f"free some space, {_ELSEWHERE}"
_RIGHTS = f"make it writable for this user, {_ELSEWHERE}"

_BY_SQLITE: tuple[tuple[str, str, str, str], ...] = (
    ("SQLITE_FULL", "disk-full", "no space left for the store {root}", _SPACE),
    ("SQLITE_READONLY", "store-not-writable", "the store {root} is not writable", _RIGHTS),
    ("SQLITE_CANTOPEN", "store-not-writable", "the index of the store {root} cannot be opened", _RIGHTS),
    ("SQLITE_PERM", "store-not-writable", "the index of the store {root} cannot be opened", _RIGHTS),
    ("SQLITE_CORRUPT", "store-damaged", "the index of the store {root} is damaged", ""),
    ("SQLITE_NOTADB", "store-damaged", "the index of the store {root} is not a database", ""),
    ("SQLITE_IOERR", "store-io", "the index of the store {root} cannot be read or written", "check the disk"),
    ("SQLITE_BUSY", "store-busy", "another process keeps the store {root} locked", "try again when it is done"),
    ("SQLITE_LOCKED", "store-busy", "another process keeps the store {root} locked", "try again when it is done"),
    ("SQLITE_PROTOCOL", "store-busy", "another process keeps the store {root} locked", "try again when it is done"),
)
"""Start of SQLite's error name, our code, message, hint ("" = move the store away)."""

_BY_ERRNO: dict[int, tuple[str, str, str]] = {
    errno.ENOSPC: ("disk-full", "no space left for the store {root}", _SPACE),
    errno.EDQUOT: ("disk-full", "the quota for the store {root} is used up", _SPACE),
    errno.EROFS: ("store-not-writable", "the store {root} is on a read-only file system", _MOUNT),
    errno.EACCES: ("store-not-writable", "the store {root} is not writable", _RIGHTS),
    errno.EPERM: ("store-not-writable", "the store {root} is not writable", _RIGHTS),
    errno.EMFILE: ("too-many-files", "too many files are open", "raise the limit: ulimit -n 4096"),
    errno.ENOTDIR: ("store-not-writable", "the store {root} is not a directory", "set BAKE_STORE to a directory"),
}  # fmt: skip


def sqlite_trouble(error: sqlite3.Error, root: Path) -> HostError:
    """The error of a store at `root` that SQLite's error comes to."""
    name = getattr(error, "sqlite_errorname", "")
    for start, code, message, hint in _BY_SQLITE:
        if name.startswith(start):
            hint = hint or f"move it away: mv {root} {root}.damaged; the next build starts an empty one"
            return HostError(Diagnostic(code, message.format(root=root), hint=hint))
    return HostError(Diagnostic("store-failed", f"the index of the store {root} failed: {error}"))


def os_trouble(error: OSError, root: Path) -> HostError:
    """As `sqlite_trouble`, for an error of the file system."""
    row = _BY_ERRNO.get(error.errno or 0)
    if row is not None:
        code, message, hint = row
        return HostError(Diagnostic(code, message.format(root=root), hint=hint))
    place = f": {error.filename}" if error.filename else ""
    return HostError(Diagnostic("store-failed", f"the store {root} failed: {error.strerror or error}{place}"))


@contextmanager
def mapped(root: Path) -> Iterator[None]:
    """Raises HostError for errors of SQLite and the file system inside."""
    try:
        yield
    except sqlite3.Error as error:
        raise sqlite_trouble(error, root) from error
    except OSError as error:
        raise os_trouble(error, root) from error
