"""COPY and ADD: where what was selected goes, and with which attributes (reference/dockerfile.md §8.2 to §8.5)."""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec.structs import replace

from bake.dockerfile.mode import Mode, parse_mode
from bake.engine.embedded.answers import Made
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.made import write_listing
from bake.engine.embedded.owner import ids_of, reader
from bake.engine.embedded.requests import Action, Copy
from bake.engine.embedded.resolve import join
from bake.engine.embedded.selection import chosen
from bake.engine.embedded.sources import Reader, open_source
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.unpack import unpack_into
from bake.errors import Diagnostic, StepError
from bake.plan.select import Item, Root
from bake.plan.tree import Entry

Check = Callable[[], None]
"""Raises when the step was cancelled."""


def copy(request: Copy, may: Ownership, check: Check) -> Made:
    """Makes the layer of a COPY or ADD. Raises StepError when source and destination do not go together."""
    fs = os.path.join(request.scratch, "fs")
    os.mkdir(fs, 0o755)
    readers: dict[int, Reader] = {}
    try:
        with Stack(request.lower, may) as lower, Draft(fs, lower, may) as draft:
            for action in request.actions:
                if action.source not in readers:
                    readers[action.source] = open_source(request.sources[action.source], may)
                _Copying(draft, readers[action.source], action, check).all()
            draft.drop_unchanged()
            return write_listing(request.scratch, draft.finish())
    finally:
        for each in readers.values():
            each.close()


class _Copying:
    """One action on a draft."""

    def __init__(self, draft: Draft, source: Reader, action: Action, check: Check) -> None:
        self.draft = draft
        self.source = source
        self.action = action
        self.check = check
        self.owner = ids_of(action.owner, reader(draft))
        self.mode: Mode | None = parse_mode(action.mode) if action.mode else None
        self.inodes: dict[tuple[int, int], str] = {}

    def all(self) -> None:
        for wire in self.action.roots:
            root = chosen(wire)
            self.inodes.clear()
            if root.is_dir:
                self._directory(root)
            elif not (self.action.unpack and self._unpacked(root)):
                self._file(root)

    def _file(self, root: Root) -> None:
        dest = self._destination()
        at = self.draft.lookup(dest)
        if at is not None and at.kind == "d":
            dest = join(dest, root.name)
        self._item(root.items[0], dest)
        self.draft.touch(dest.rpartition("/")[0], self.draft.now)

    def _directory(self, root: Root) -> None:
        dest = self._destination()
        at = self.draft.lookup(dest)
        if at is None:
            self._make(dest)
        elif at.kind != "d":
            raise _refused(f"cannot copy to non-directory: /{dest}")
        for item in root.items:
            self.check()
            self._item(item, join(dest, item.to))
        if root.entry.mtime:
            self.draft.touch(dest, root.entry.mtime)

    def _unpacked(self, root: Root) -> bool:
        item = root.items[0]
        if item.entry.kind != "f":
            return False

        def into() -> str:
            dest = self.draft.resolve(self.action.dest)
            make_directories(self.draft, dest, self._created(0o755))  # `--chmod` is not for archives
            return dest

        with self.source.open(item) as handle:
            return unpack_into(self.draft, into, handle, self.owner, self.check)

    def _destination(self) -> str:
        """Makes the directories that the destination needs, and follows its links."""
        dest = self.action.dest
        self._make(self.draft.resolve(dest if dest.endswith("/") else dest.rpartition("/")[0]))
        return self.draft.resolve(dest)

    def _make(self, path: str) -> None:
        numeric = self.mode.octal if self.mode is not None else None
        # BuildKit keeps a mode with more than permissions for what is copied.
        mode = 0o755 if numeric is None or numeric > 0o777 else numeric
        make_directories(self.draft, path, self._created(mode))

    def _created(self, mode: int) -> Entry:
        """A directory that no source names: 0:0 or `--chown`, mode 0755 or the octal `--chmod`."""
        uid, gid = self.owner or (0, 0)
        return Entry("d", mode, uid, gid, mtime=self.draft.now)

    def _item(self, item: Item, to: str) -> None:
        entry = self._attributes(item.entry)
        at = self.draft.lookup(to)
        if entry.kind == "d":
            self._merge(entry, to, at)
            return
        if at is not None and at.kind == "d":
            raise _refused(f"cannot replace to directory /{to} with file")
        self._make(to.rpartition("/")[0])
        if entry.kind == "f":
            self._regular(item, entry, to)
        elif entry.kind == "l":
            self.draft.symlink(to, entry)
        else:
            self.draft.node(to, entry)

    def _merge(self, entry: Entry, to: str, at: Entry | None) -> None:
        if at is not None and at.kind != "d":
            raise _refused(f"cannot copy to non-directory: /{to}")
        if at is not None and self.action.parents:
            self.draft.touch(to, entry.mtime)
            return
        self._make(to.rpartition("/")[0])
        self.draft.directory(to, entry)

    def _regular(self, item: Item, entry: Entry, to: str) -> None:
        with self.source.open(item) as handle:
            info = os.fstat(handle)
            inode = (info.st_dev, info.st_ino)
            if info.st_nlink > 1 and inode in self.inodes:
                self.draft.link(to, self.inodes[inode])
                return
            self.draft.file(to, entry, handle)
            if info.st_nlink > 1:
                self.inodes[inode] = to

    def _attributes(self, entry: Entry) -> Entry:
        uid, gid = self.owner or (entry.uid, entry.gid)
        mode = entry.mode
        if self.mode is not None and entry.kind != "l":
            mode = self.mode.apply(entry.mode, entry.kind == "d")
        return replace(entry, uid=uid, gid=gid, mode=mode, opaque=False)


def make_directories(draft: Draft, path: str, new: Entry) -> list[str]:
    """Makes `path` (links followed already) and its missing parents like `new`; returns what it made, topmost first."""
    missing: list[str] = []
    while path:
        at = draft.lookup(path)
        if at is not None and at.kind == "d":
            break
        if at is not None:
            raise _refused(f"mkdir /{path}: not a directory")
        missing.append(path)
        path = path.rpartition("/")[0]
    missing.reverse()
    for each in missing:
        draft.directory(each, new)
    if missing:
        draft.touch(path, new.mtime)
    return missing


def _refused(message: str) -> StepError:
    return StepError(Diagnostic("bad-copy", message))
