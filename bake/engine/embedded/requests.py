"""What bake asks of its helper process. Paths inside trees travel as bytes: they need not be UTF-8.

`scratch` is always a directory claimed from the store; the layer is left in it as `fs/` and `listing`.
"""

from __future__ import annotations

import msgspec

from bake.engine.embedded.message import Message
from bake.engine.embedded.selection import Chosen, Source
from bake.plan.step import CacheMount, SshMount, TmpfsMount, WrittenFile


class Action(msgspec.Struct, frozen=True):
    """A `CopyAction` with what it selected. `source` is a position in the request's sources."""

    source: int
    dest: str
    owner: str
    mode: str
    parents: bool
    unpack: bool
    roots: tuple[Chosen, ...]


class Copy(Message, tag="copy", frozen=True):
    """Makes the layer of a COPY or ADD over `lower`. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    sources: tuple[Source, ...]
    actions: tuple[Action, ...]


class Mkdir(Message, tag="mkdir", frozen=True):
    """Makes the layer of a WORKDIR. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    path: str
    owner: str
    mode: int
    epoch: int | None = None


class Bound(Message, tag="bound", frozen=True):
    """`--mount=type=bind` of a path in a state."""

    target: str
    layers: tuple[str, ...]
    source: str
    writable: bool


class Cached(Message, tag="cached", frozen=True):
    """`--mount=type=cache`; `layers` is what an empty cache starts with, at `mount.source`."""

    mount: CacheMount
    directory: str
    layers: tuple[str, ...] | None


class Secret(Message, tag="secret", frozen=True):
    """A file with a secret's bytes."""

    target: str
    data: bytes
    mode: int
    uid: int
    gid: int


class Agent(Message, tag="agent", frozen=True):
    """The socket of an ssh agent of this host."""

    mount: SshMount
    socket: str


class Memory(Message, tag="memory", frozen=True):
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


class Exec(Message, tag="exec", frozen=True):
    """Runs a RUN step and makes its layer. `timeout` in seconds, 0 = none. Answer: Made."""

    scratch: str
    lower: tuple[str, ...]
    command: Command
    mounts: tuple[Mounted, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    timeout: float = 0.0
    platform: str = ""


class Interact(Message, tag="interact", frozen=True):
    """Runs a process on a throw-away copy with bake's own stdio. Answer: Ended."""

    scratch: str
    lower: tuple[str, ...]
    command: Command
    terminal: bool
    platform: str = ""


class Unpack(Message, tag="unpack", frozen=True):
    """Unpacks an image layer's blob and checks its diff id. `lower` None: not known yet. Answer: Unpacked."""

    scratch: str
    blob: str
    diff_id: str
    lower: tuple[str, ...] | None


class Settle(Message, tag="settle", frozen=True):
    """Gives directories that the layer's archive only implied the attributes of the lower state. Answer: Settled."""

    scratch: str
    lower: tuple[str, ...]
    implied: tuple[bytes, ...]


class Archive(Message, tag="archive", frozen=True):
    """Packs a layer directory as a tar archive into the file `out`. Answer: Archived.

    `epoch` in unix seconds: later times of files are written as that; None keeps them.
    """

    directory: str
    out: str
    compression: str
    level: int
    epoch: int | None = None


class Repack(Message, tag="repack", frozen=True):
    """Compresses the archive in `blob` anew into `out`. Answer: Archived."""

    blob: str
    out: str
    compression: str
    level: int


class Remove(Message, tag="remove", frozen=True):
    """Removes what is inside a directory, other users' files included. Answer: Done."""

    directory: str


class Whole(msgspec.Struct, frozen=True, array_like=True):
    """A state's layer directories, bottom first, and the directory that its files go to ("" = the top)."""

    directory: str
    layers: tuple[str, ...]


class Spread(Message, tag="spread", frozen=True):
    """Writes whole states into the directory `dest`; `delete`: removes what is not written. Answer: Left."""

    states: tuple[Whole, ...]
    dest: str
    files: tuple[tuple[str, bytes], ...] = ()
    latest: int | None = None
    delete: bool = False


class Pack(Message, tag="pack", frozen=True):
    """Writes whole states as a tar archive into the new file `out`. Answer: Done."""

    states: tuple[Whole, ...]
    out: str
    files: tuple[tuple[str, bytes], ...] = ()
    latest: int | None = None


class ReadFiles(Message, tag="read", frozen=True):
    """Reads regular files of a state, links followed within it. Answer: Files."""

    layers: tuple[str, ...]
    paths: tuple[bytes, ...]


Request = Copy | Mkdir | Exec | Interact | Unpack | Settle | Archive | Repack | Remove | Spread | Pack | ReadFiles
