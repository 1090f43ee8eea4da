"""The files that a builder sends → the archive of a layer, each path checked as it is listed (reference §3).

Nothing is written by a name that comes from the builder: headers and contents go to places of one file of ours, in the
order of the listing. Names count when that archive is unpacked, with the care that layers of strangers get.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Mapping
from typing import IO, Any

from bake.engine.embedded.tar_header import BLOCK, END, header
from bake.plan.tree import Entry, Kind

_MOST_PATHS = 2_000_000
_MOST_PATH, _MOST_NAME = 4096, 255
_GO_TYPES: Mapping[int, Kind] = {
    0: "f", 1 << 31: "d", 1 << 27: "l", 1 << 26: "b", 1 << 26 | 1 << 21: "c", 1 << 25: "p", 1 << 24: "s",
}  # fmt: skip
_GO_TYPE = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
_GO_BITS = ((1 << 23, modes.S_ISUID), (1 << 22, modes.S_ISGID), (1 << 20, modes.S_ISVTX))


class Refused(ValueError):
    """What a builder sends cannot be, or does not fit."""


class Received:
    """One listing with its contents, into the open file `out`, which may become `room` bytes long."""

    def __init__(self, out: IO[bytes], room: int) -> None:
        self._out = out
        self._room = room
        self._end = 0
        self._count = 0
        self._kinds: dict[str, Kind] = {}
        self._wanted: dict[int, tuple[int, int]] = {}
        """Number of a file whose contents are missing → (where they go on, bytes that are left)."""

    @property
    def missing(self) -> int:
        """Files whose contents are not all here."""
        return len(self._wanted)

    def add(self, stat: Any) -> int | None:
        """Takes the next path; its number when its contents are to be asked for. Raises Refused."""
        number, self._count = self._count, self._count + 1
        path, entry = _path(stat.path), _entry(stat)
        parent = path.rpartition("/")[0]
        if number >= _MOST_PATHS:
            raise Refused(f"more than {_MOST_PATHS} paths")
        if path in self._kinds:
            raise Refused(f"'{path}' twice")
        if parent and self._kinds.get(parent) != "d":
            raise Refused(f"'{path}' is in no directory")
        if entry.kind == "f" and entry.link and self._kinds.get(_path(stat.link)) != "f":
            raise Refused(f"'{path}' is a link to '{entry.link}', which is no file before it")
        self._kinds[path] = entry.kind
        if entry.kind == "s":
            return None  # as in layers
        head = header(path.encode("utf-8", "surrogateescape"), entry)
        at, size = self._end + len(head), 0 if entry.link else entry.size
        self._end = at + size + -size % BLOCK
        if self._end > self._room:
            raise Refused(f"'{path}' of {size} bytes, for which the disk of the store has no room")
        self._put(head, at - len(head))
        if not size:
            return None
        self._wanted[number] = at, size
        return number

    def write(self, number: int, data: bytes) -> None:
        """Takes a piece of a file's contents; an empty one says that there are no more. Raises Refused."""
        if number not in self._wanted:
            raise Refused(f"contents of number {number}, which are not asked for")
        at, left = self._wanted[number]
        if len(data) > left or (not data and left):
            raise Refused(f"other contents of number {number} than are listed")
        self._put(data, at)
        self._wanted[number] = at + len(data), left - len(data)
        if not data:
            del self._wanted[number]

    def close(self) -> None:
        """Ends the archive."""
        self._put(END, self._end)

    def _put(self, data: bytes, at: int) -> None:
        self._out.seek(at)
        self._out.write(data)


def _path(data: bytes) -> str:
    path = os.fsdecode(data)
    names = path.split("/")
    if len(data) > _MOST_PATH or any(len(os.fsencode(name)) > _MOST_NAME for name in names):
        raise Refused(f"a path of {len(data)} bytes")
    if b"\0" in data or any(name in ("", ".", "..") for name in names):
        raise Refused(f"'{path}', which is no plain path")
    return path


def _entry(stat: Any) -> Entry:
    kind = _GO_TYPES.get(stat.mode & _GO_TYPE)
    if kind is None:
        raise Refused(f"'{os.fsdecode(stat.path)}' of a kind that there is not ({stat.mode:#o})")
    if stat.size < 0 or (kind == "l" and not stat.link) or b"\0" in stat.link:
        raise Refused(f"'{os.fsdecode(stat.path)}' with a size or a link that cannot be")
    mode = stat.mode & 0o777 | sum(ours for theirs, ours in _GO_BITS if stat.mode & theirs)
    return Entry(
        kind,
        0o777 if kind == "l" else mode,
        stat.uid,
        stat.gid,
        size=stat.size if kind == "f" else 0,
        link=os.fsdecode(stat.link) if kind in "fl" else "",
        device=os.makedev(stat.devmajor, stat.devminor) if kind in "cb" else 0,
        xattrs=tuple(sorted((name, bytes(value)) for name, value in stat.xattrs.items())),
        mtime=stat.mtime,
    )
