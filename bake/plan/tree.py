"""What a directory tree holds, as a value: the common form of contexts, layers and whole states.

A `Listing` is one layer's changes (with whiteouts); a `Tree` is a whole file system view (without). Paths are relative,
`/`-separated, without a leading slash; the root itself is "". Content ids and selection digests are made from entries,
and from nothing else, so a path, a time stamp or a machine never enters a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, NewType

import msgspec
from msgspec.structs import replace

StateId = NewType("StateId", str)
"""Content id of a file-system state: hex digest of its parent's id and the canonical listing of its top layer."""

SCRATCH = StateId("scratch")

Kind = Literal["f", "d", "l", "c", "b", "p", "s", "w"]
"""File, directory, symbolic link, character and block device, fifo, socket, whiteout (a deleted path)."""


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """What tells a changed file of this host: bytes, times in ns, inode and device."""

    size: int
    mtime: int
    ctime: int
    inode: int
    device: int


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One path. `mode` holds permission bits and suid, sgid, sticky; `digest` is sha256 hex of a regular file's bytes.

    `link` is a symbolic link's text, or for a file the path of an earlier entry that it is a hard link to; `hard` is
    that path for what is neither file nor directory. `opaque` directories hide what lower layers hold below them.
    `stamp` is only there for files of this host.
    """

    kind: Kind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    digest: str = ""
    link: str = ""
    device: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()
    opaque: bool = False
    mtime: int = 0
    stamp: Stamp | None = None
    timed: bool = False
    """Whether `mtime` was given, by an archive or by a step; only then it counts for what a layer is."""
    hard: str = ""

    @property
    def first(self) -> str:
        """The path of the entry that this is a hard link to, "" if it is none."""
        return self.link if self.kind == "f" else self.hard

    def linked(self, first: str) -> Entry:
        """The same as a hard link to the path `first`; "" makes it an entry of its own."""
        return replace(self, link=first) if self.kind == "f" else replace(self, hard=first)

    def identity(self) -> tuple[object, ...]:
        """What counts for content, and so for who copies it: everything but times and stamps."""
        return (
            self.kind, self.mode, self.uid, self.gid, self.size if self.kind == "f" else 0, self.digest, self.link,
            self.device, self.xattrs, self.opaque, *((self.hard,) if self.hard else ()),
        )  # fmt: skip

    def layer_identity(self) -> tuple[object, ...]:
        """What counts for the layer that holds it: a given time as well, in whole seconds, as its archive holds it."""
        return (*self.identity(), self.mtime // 10**9) if self.timed else self.identity()


Listing = Mapping[str, Entry]
"""One layer's changes by path, in canonical order (`sort_key`)."""

Tree = Mapping[str, Entry]
"""A whole view by path, in canonical order; holds no whiteouts."""


def sort_key(path: str) -> bytes:
    """Canonical order: depth first, names compared as bytes, a directory before what it holds."""
    return path.encode("utf-8", "surrogateescape").replace(b"/", b"\0")


def ordered(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The same entries in canonical order."""
    return {path: entries[path] for path in sorted(entries, key=sort_key)}


def digest_of(items: Iterable[tuple[str, Entry]]) -> str:
    """sha256 hex over paths and identities, in the order given."""
    encoder = msgspec.msgpack.Encoder()
    found = hashlib.sha256()
    for path, entry in items:
        found.update(encoder.encode((path.encode("utf-8", "surrogateescape"), entry.identity())))
    return found.hexdigest()


def digest_of_listing(listing: Listing) -> str:
    """sha256 hex over a layer's changes."""
    encoder = msgspec.msgpack.Encoder()
    found = hashlib.sha256()
    for path in sorted(listing, key=sort_key):
        found.update(encoder.encode((path.encode("utf-8", "surrogateescape"), listing[path].layer_identity())))
    return found.hexdigest()


def state_over(parent: StateId, listing: Listing) -> StateId:
    """The content id of the state that `listing`'s layer makes of `parent` (DESIGN §2)."""
    return state_of_digest(parent, digest_of_listing(listing))


def state_of_digest(parent: StateId, listing_digest: str) -> StateId:
    """As `state_over`, from the digest of the listing."""
    return StateId(hashlib.sha256(f"layer\0{parent}\0{listing_digest}".encode()).hexdigest())


def state_of_images(diff_ids: Iterable[str]) -> tuple[StateId, ...]:
    """Content ids of the states that an image's layers make, bottom first. Nothing need be downloaded."""
    states: list[StateId] = []
    parent = SCRATCH
    for diff_id in diff_ids:
        parent = state_above(parent, diff_id)
        states.append(parent)
    return tuple(states)


def state_above(parent: StateId, diff_id: str) -> StateId:
    """The content id of the state that an image's layer, known by its archive alone, makes of `parent`."""
    return StateId(hashlib.sha256(f"image\0{parent}\0{diff_id}".encode()).hexdigest())


def stack(listings: Iterable[Listing]) -> dict[str, Entry]:
    """The tree that layers make, bottom first, whiteouts and opaque directories applied (OCI layer.md)."""
    tree: dict[str, Entry] = {}
    for listing in listings:
        hidden = [
            path for path, entry in listing.items() if entry.kind == "w" or entry.opaque or _replaces(tree, path, entry)
        ]
        if hidden:
            prefixes = tuple(path + "/" for path in hidden if path)
            everything = "" in hidden
            tree = {p: e for p, e in tree.items() if not (everything and p) and not p.startswith(prefixes)}
        for path, entry in listing.items():
            if entry.kind == "w":
                tree.pop(path, None)
            else:
                tree[path] = msgspec.structs.replace(entry, opaque=False) if entry.opaque else entry
    return ordered(tree)


def _replaces(tree: Mapping[str, Entry], path: str, entry: Entry) -> bool:
    below = tree.get(path)
    return below is not None and below.kind == "d" and entry.kind != "d"
