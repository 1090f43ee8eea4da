"""What bake and its helper process say to each other. Paths inside trees travel as bytes: they need not be UTF-8.

`scratch` is always a directory claimed from the store; the layer is left in it as `fs/` and `listing`.
"""

from __future__ import annotations

import os

import msgspec
from msgspec.structs import replace

from bake.plan.select import Item, Root
from bake.plan.step import CacheMount, SshMount, TmpfsMount, WrittenFile
from bake.plan.tree import Entry


class _Wire(msgspec.Struct, frozen=True, tag_field="op", omit_defaults=True):
    pass


# What a COPY reads


class States(_Wire, tag="states", frozen=True):
    """A state of the store: its layer directories, bottom first."""

    layers: tuple[str, ...]


class HostFiles(_Wire, tag="host", frozen=True):
    """A directory of this host."""

    root: str


class Written(_Wire, tag="written", frozen=True):
    """Files given inline."""

    files: tuple[WrittenFile, ...]


class OneFile(_Wire, tag="one", frozen=True):
    """The bytes at `path`, named `name`."""

    path: str
    name: str


Source = States | HostFiles | Written | OneFile


class Pick(msgspec.Struct, frozen=True, array_like=True):
    """An `Item` on its way."""

    path: bytes
    to: bytes
    link: bytes
    entry: Entry


class Chosen(msgspec.Struct, frozen=True, array_like=True):
    """A `Root` on its way."""

    name: bytes
    path: bytes
    entry: Entry
    items: tuple[Pick, ...]


class Action(msgspec.Struct, frozen=True):
    """A `CopyAction` with what it selected. `source` is a position in the request's sources."""

    source: int
    dest: str
    owner: str
    mode: str
    parents: bool
    unpack: bool
    roots: tuple[Chosen, ...]


# Requests


class Copy(_Wire, tag="copy", frozen=True):
    """Makes the layer of a COPY or ADD over `lower`. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    sources: tuple[Source, ...]
    actions: tuple[Action, ...]


class Mkdir(_Wire, tag="mkdir", frozen=True):
    """Makes the layer of a WORKDIR. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    path: str
    owner: str
    mode: int
    epoch: int | None = None


class Bound(_Wire, tag="bound", frozen=True):
    """`--mount=type=bind` of a path in a state."""

    target: str
    layers: tuple[str, ...]
    source: str
    writable: bool


class Cached(_Wire, tag="cached", frozen=True):
    """`--mount=type=cache`; `layers` is what an empty cache starts with, at `mount.source`."""

    mount: CacheMount
    directory: str
    layers: tuple[str, ...] | None


class Secret(_Wire, tag="secret", frozen=True):
    """A file with a secret's bytes."""

    target: str
    data: bytes
    mode: int
    uid: int
    gid: int


class Agent(_Wire, tag="agent", frozen=True):
    """The socket of an ssh agent of this host."""

    mount: SshMount
    socket: str


class Memory(_Wire, tag="memory", frozen=True):
    mount: TmpfsMount


Mounted = Bound | Cached | Secret | Agent | Memory


class Command(msgspec.Struct, frozen=True):
    """A process in a container. `hosts` are (name, address) lines of /etc/hosts."""

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str
    user: str
    network: str
    insecure: bool
    hostname: str
    hosts: tuple[tuple[str, str], ...]
    shm_size: int
    ulimits: tuple[str, ...]


class Exec(_Wire, tag="exec", frozen=True):
    """Runs a RUN step and makes its layer. `timeout` in seconds, 0 = none. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    command: Command
    mounts: tuple[Mounted, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    timeout: float = 0.0
    platform: str = ""


class Interact(_Wire, tag="interact", frozen=True):
    """Runs a process on a throw-away copy with bake's own stdio. Answer: Ended."""

    scratch: str
    lower: tuple[str, ...]
    command: Command
    terminal: bool
    platform: str = ""


class Unpack(_Wire, tag="unpack", frozen=True):
    """Unpacks an image layer's blob and checks its diff id. `lower` None: not known yet. Answer: Unpacked."""

    scratch: str
    blob: str
    diff_id: str
    lower: tuple[str, ...] | None


class Settle(_Wire, tag="settle", frozen=True):
    """Gives directories that the layer's archive only implied the attributes of the lower state. Answer: Settled."""

    scratch: str
    lower: tuple[str, ...]
    implied: tuple[bytes, ...]


class Archive(_Wire, tag="archive", frozen=True):
    """Packs a layer directory as a tar archive into the file `out`. Answer: Archived.

    `epoch` in unix seconds: later times of files are written as that; None keeps them.
    """

    directory: str
    out: str
    compression: str
    level: int
    epoch: int | None = None


class Repack(_Wire, tag="repack", frozen=True):
    """Compresses the archive in `blob` anew into `out`. Answer: Archived."""

    blob: str
    out: str
    compression: str
    level: int


class Remove(_Wire, tag="remove", frozen=True):
    """Removes what is inside a directory, other users' files included. Answer: Done."""

    directory: str


class Whole(msgspec.Struct, frozen=True, array_like=True):
    """A state's layer directories, bottom first, and the directory that its files go to ("" = the top)."""

    directory: str
    layers: tuple[str, ...]


class Spread(_Wire, tag="spread", frozen=True):
    """Writes whole states into the directory `dest`; `delete`: removes what is not written. Answer: Left."""

    states: tuple[Whole, ...]
    dest: str
    files: tuple[tuple[str, bytes], ...] = ()
    latest: int | None = None
    delete: bool = False


class Pack(_Wire, tag="pack", frozen=True):
    """Writes whole states as a tar archive into the new file `out`. Answer: Done."""

    states: tuple[Whole, ...]
    out: str
    files: tuple[tuple[str, bytes], ...] = ()
    latest: int | None = None


class ReadFiles(_Wire, tag="read", frozen=True):
    """Reads regular files of a state, links followed within it. Answer: Files."""

    layers: tuple[str, ...]
    paths: tuple[bytes, ...]


Request = Copy | Mkdir | Exec | Interact | Unpack | Settle | Archive | Repack | Remove | Spread | Pack | ReadFiles


# Answers


class Ready(_Wire, tag="ready", frozen=True):
    """The helper is up."""


class Done(_Wire, tag="done", frozen=True):
    pass


class Made(_Wire, tag="made", frozen=True):
    """A layer is in its scratch: the digest of its listing, the bytes of its files."""

    digest: str
    size: int


class Ended(_Wire, tag="ended", frozen=True):
    code: int


class Unpacked(_Wire, tag="unpacked", frozen=True):
    """`implied` are directories that the archive needs but lacks; `unsure`: it must be unpacked over `lower`."""

    size: int
    implied: tuple[bytes, ...] = ()
    unsure: bool = False


class Settled(_Wire, tag="settled", frozen=True):
    """`fits` False: the layer must be unpacked again over the lower state."""

    fits: bool


class Archived(_Wire, tag="archived", frozen=True):
    """`diff_id` of the plain archive, `digest` and `size` of the file as written."""

    diff_id: str
    digest: str
    size: int


class Left(_Wire, tag="left", frozen=True):
    """Paths that could not be made on this host."""

    paths: tuple[bytes, ...] = ()


class Files(_Wire, tag="files", frozen=True):
    """Path → bytes, of those that are there."""

    found: dict[bytes, bytes]


Answer = Ready | Done | Made | Ended | Unpacked | Settled | Archived | Left | Files


def choose(root: Root) -> Chosen:
    """A root for the wire."""
    picks = tuple(Pick(_encode(i.path), _encode(i.to), _encode(i.entry.link), _bare(i.entry)) for i in root.items)
    return Chosen(_encode(root.name), _encode(root.path), _bare(root.entry), picks)


def chosen(wire: Chosen) -> Root:
    """A root from the wire."""
    items = tuple(
        Item(os.fsdecode(p.path), os.fsdecode(p.to), replace(p.entry, link=os.fsdecode(p.link)) if p.link else p.entry)
        for p in wire.items
    )
    return Root(os.fsdecode(wire.name), os.fsdecode(wire.path), wire.entry, items)


def _encode(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _bare(entry: Entry) -> Entry:
    return replace(entry, link="", hard="", timed=False) if entry.link or entry.hard or entry.timed else entry
