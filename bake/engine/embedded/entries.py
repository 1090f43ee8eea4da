"""The entries of a layer in the making, over the state that it lies on: what is where, and which files are one.

Nothing is written here: a draft puts an entry where it has made a file, and takes it out where it has removed one.
"""

from __future__ import annotations

import os
from hashlib import file_digest

from msgspec.structs import replace

from bake.engine.embedded.stack import Stack
from bake.plan.tree import Entry, Listing, sort_key

_ROOT = Entry("d", 0o755)  # also an empty tree has a root


class Entries:
    """Of a layer on `lower`. Paths are relative to the root and have no symbolic links in their parents."""

    def __init__(self, lower: Stack) -> None:
        self._lower = lower
        self._own: dict[str, Entry] = {}
        self._hiding: set[str] = set()  # directories of this layer with nothing of the lower state in view below
        self._leaders: set[str] = set()  # files of this layer that have hard links

    # Looking

    def __contains__(self, path: str) -> bool:
        return path in self._own

    def __getitem__(self, path: str) -> Entry:
        """The layer's own entry."""
        return self._own[path]

    def own(self, path: str) -> Entry | None:
        """The layer's own entry, if it has one."""
        return self._own.get(path)

    def lookup(self, path: str) -> Entry | None:
        """What is at `path` now. Files of the lower state come without digest."""
        entry = self._own.get(path)
        if entry is not None:
            return None if entry.kind == "w" else entry
        below = self.lower(path)
        return below if below is not None or path else _ROOT

    def lower(self, path: str) -> Entry | None:
        """What the lower state has at `path`, unless a directory of this layer hides it."""
        return self._lower.lookup(path) if self._lower_shows(path) else None

    def _lower_shows(self, path: str) -> bool:
        while path:
            path = path.rpartition("/")[0]
            if path in self._hiding:
                return False
            entry = self._own.get(path)
            if entry is not None:
                return entry.kind == "d"
        return True

    def subtree(self, path: str) -> list[str]:
        """The layer's own paths below `path` and itself, deepest first."""
        prefix = path + "/"
        below = [each for each in self._own if each.startswith(prefix)] if self._own[path].kind == "d" else []
        return [*sorted(below, key=sort_key, reverse=True), path]

    def deepest_first(self) -> list[str]:
        """All paths of the layer."""
        return sorted(self._own, key=sort_key, reverse=True)

    def is_unchanged(self, path: str) -> bool:
        """Whether an entry is as below; a file must have the same time too. One with hard links counts as changed."""
        entry = self._own[path]
        below = self.lower(path) if entry.kind != "w" else None
        if below is None or entry.first or path in self._leaders:
            return False
        if replace(entry, digest="").identity() != below.identity():
            return False
        if entry.kind == "d":
            return True
        return below.mtime == entry.mtime and (entry.kind != "f" or self._same_content(path, entry))

    def _same_content(self, path: str, entry: Entry) -> bool:
        with os.fdopen(self._lower.open(path), "rb", buffering=0) as file:
            return file_digest(file, "sha256").hexdigest() == entry.digest

    # Changing

    def __setitem__(self, path: str, entry: Entry) -> None:
        self._own[path] = entry

    def hide_below(self, path: str) -> None:
        """Takes what lower states hold below a directory out of view."""
        self._hiding.add(path)

    def link(self, path: str, leader: str) -> None:
        """A further name of the layer's file `leader`."""
        self._leaders.add(leader)
        self._own[path] = self._own[leader].linked(leader)

    def amend(self, leader: str, entry: Entry) -> None:
        """Gives a file of the layer, all its names alike, another entry."""
        for each, other in self._own.items():
            if other.kind == "f" and leader in (each, other.link):
                self._own[each] = replace(entry, link=other.link)

    def take(self, path: str) -> Entry:
        """Takes an entry out. Hard links to a file that goes away become links to one of the others."""
        entry = self._own.pop(path)
        self._hiding.discard(path)
        if path in self._leaders:
            self._leaders.discard(path)
            others = [p for p, e in self._own.items() if e.first == path]
            self._leaders.update(others[:1])
            for at, other in enumerate(others):
                self._own[other] = self._own[other].linked("" if at == 0 else others[0])
        return entry

    # Ending

    def forget_root(self) -> None:
        """Takes the root out if it is as below."""
        root, before = self._own.get(""), self._lower.lookup("") or _ROOT
        if root is not None and root.identity() == before.identity():
            del self._own[""]

    def listing(self) -> Listing:
        """All in canonical order, where of each group of hard links the first is the file."""
        first: dict[str, str] = {}
        found: dict[str, Entry] = {}
        for path, entry in sorted(self._own.items(), key=lambda item: sort_key(item[0])):
            if entry.kind not in "dw":
                leader = first.setdefault(entry.first or path, path)
                entry = entry.linked("" if leader == path else leader)
            found[path] = entry
        return found
