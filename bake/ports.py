"""The outside world as the solver and the commands see it: small protocols, each with its guarantees in words.

The store is three of them (records, layers, blobs), so that a reader needs only what it reads. Methods without `async`
answer from a local index in microseconds; everything that may wait is async.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from bake.oci.model import Descriptor
from bake.plan.step import Step, WrittenFile
from bake.plan.tree import Listing, StateId, Tree, state_above

Parts = Mapping[str, str]
"""The named parts of a key: `instruction`, `parent`, `env.PATH`, `arg.VERSION`, `file.src/main.py`, … (DESIGN §2)."""


class Record(msgspec.Struct, frozen=True):
    """What a step with this key came to. Times are unix seconds; `duration` of the run that made it, in seconds.

    `origin` names the cache that it came from, "" for one made on this machine.
    """

    key: str
    state: StateId
    created: float
    duration: float = 0.0
    origin: str = ""


class NotYet(Exception):
    """Something must be fetched before this can be answered: await `fetch`, then ask again."""

    def __init__(self, fetch: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.fetch = fetch


class Layer(msgspec.Struct, frozen=True):
    """The top layer of a state. `directory` holds its files as an overlay lower, None until it is unpacked.

    `diff_id` "" until it was archived; `created` unix seconds. `sources` are repositories known to hold its blob, or
    directories (absolute paths of OCI layouts).
    """

    state: StateId
    parent: StateId
    directory: Path | None
    created: float
    diff_id: str = ""
    blobs: tuple[Descriptor, ...] = ()
    sources: tuple[str, ...] = ()
    size: int = 0

    @property
    def of_image(self) -> bool:
        """Whether it is a layer of an image as published by others, not one that a step made."""
        return bool(self.diff_id) and self.state == state_above(self.parent, self.diff_id)


class Records(Protocol):
    """Keys and what they came to. `lookup` and `last_parts` raise NotYet while a cache behind them is to be read."""

    def lookup(self, key: str) -> Record | None:
        """The record of `key` whose state is still there. Never a record of a removed layer."""

    def known(self, key: str) -> bool:
        """Whether `key` has a record at all, its layer removed or not (the reason `evicted`)."""

    def parts(self, key: str) -> Parts | None:
        """The parts of `key`, None if they are not kept."""

    def last_parts(self, slot: str) -> Parts | None:
        """The key parts that this slot had in its last run, None if it never ran."""

    def last_record(self, slot: str) -> Record | None:
        """What this slot came to in its last run, its layer removed or not."""

    def last_duration(self, slot: str) -> float | None:
        """Seconds that the step in this slot took when it last really ran; for the critical path."""

    def remember(self, record: Record, parts: Parts) -> None:
        """Keep a record. Durable at return; a second record of one key replaces the first."""

    def remember_all(self, rows: Sequence[tuple[Record, Parts]]) -> None:
        """Keep many records in one transaction, as `remember` does."""

    def adopt(self, record: Record) -> None:
        """As `remember`, for what another machine came to; not durable before the end of the run."""

    def visit(self, slots: Mapping[str, str], parts: Mapping[str, Parts]) -> None:
        """At the end of a run: slot → key for every step decided, and the parts of the keys that need keeping.

        One transaction; also marks the keys as used now.
        """

    def claim(self, key: str) -> AbstractAsyncContextManager[None]:
        """Waits until no other process runs the step with this key, and holds it until the context is left or dies."""


class Layers(Protocol):
    """States and their layers. A layer, once committed, is never changed."""

    def layer(self, state: StateId) -> Layer | None:
        """The top layer of `state`."""

    def chain(self, state: StateId) -> tuple[Layer, ...]:
        """All layers, bottom first; empty for SCRATCH. Raises HostError when one is missing."""

    def tree(self, state: StateId) -> Tree | None:
        """The whole view of a state; None while a layer of it is not unpacked."""

    def listing(self, state: StateId) -> Listing | None:
        """The top layer's changes; None while it is not unpacked."""

    def scratch(self) -> Path:
        """A new empty directory of this process in the store. Removed with the process, or by its heir."""

    def commit(self, parent: StateId, scratch: Path, listing_digest: str, *, created: float, size: int) -> Layer:
        """Makes `scratch` (holding `fs/` and `listing`) the layer over `parent`; atomic and idempotent.

        If the state exists already the scratch is dropped and the older layer returned: early cutoff.
        """

    def alias(self, parent: StateId, top: StateId) -> Layer:
        """The state that laying `top`'s own layer over `parent` makes (`COPY --link`); shares directory and time."""

    def add_image(
        self, diff_ids: Sequence[str], layers: Sequence[Descriptor], repository: str, created: float
    ) -> StateId:
        """Registers an image's layers, not downloaded yet. Idempotent. Returns the state of the top one."""

    def add_built(self, parent: StateId, diff_id: str, blob: Descriptor, created: float) -> Layer:
        """Registers a layer made elsewhere, of which only the archive is here, in the store. Idempotent.

        As an image's layer (`state_above`), but no registry is known to have it. The first time stays.
        """

    def adopt(
        self,
        parent: StateId,
        listing_digest: str,
        *,
        created: float,
        diff_id: str = "",
        blobs: Sequence[Descriptor] = (),
        sources: Sequence[str] = (),
        times_given: bytes = b"",
    ) -> Layer | None:
        """Registers a layer that a step made on another machine, not downloaded yet. None if `parent` is not here.

        Without blobs it is known by name only; whoever needs its files meets LostLayer. A layer that is here stays.
        `times_given`: see below; the archive does not tell it.
        """

    def forget(self, state: StateId) -> None:
        """Takes back that anybody else holds the layer's blobs; if its files are not here, the state goes as well."""

    def unpacked(self, state: StateId, scratch: Path, size: int) -> Layer:
        """Makes `scratch` (holding `fs/` and `listing`) the directory of a downloaded layer. Atomic, idempotent.

        Raises LostLayer when a layer that was adopted holds something else than its state names.
        """

    def archived(self, state: StateId, diff_id: str, blob: Descriptor) -> Layer:
        """Notes the archive of a layer; `blob` is in the store. The first diff id of a state stays."""

    def selection(self, state: StateId, selector: str) -> str | None:
        """The digest of a selection from a state, if it was ever made."""

    def selections(self, state: StateId) -> Mapping[str, str]:
        """Selector → digest of all selections that were made from a state."""

    def listing_digest(self, state: StateId) -> str:
        """The digest of the top layer's listing. Raises HostError for a state that is not here."""

    def times_given(self, state: StateId) -> bytes:
        """Which paths of the top layer have a given time, in the form of plan/listing.py."""

    def remember_selection(self, state: StateId, selector: str, digest: str) -> None:
        """Keep it. Not durable before the end of the run."""


class Blobs(Protocol):
    """Content-addressed files: the `blobs/sha256` of an OCI image layout."""

    def path(self, digest: str) -> Path | None:
        """Where the blob is, None if it is not here."""

    def put(self, data: bytes) -> str:
        """Stores `data` durably; returns its digest."""

    def adopt(self, file: Path, digest: str) -> Path:
        """Moves a complete, verified file of the store's file system in. Atomic, idempotent. Returns its new path."""

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        """Repositories of `registry` known to hold the blob, the latest first."""

    def holders(self, digest: str) -> tuple[str, ...]:
        """Repositories of any registry known to hold the blob, the latest first."""

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        """Keep it."""


class Files(Protocol):
    """What is known of files of this host and of URLs, so that unchanged ones are not read again."""

    def digests(self, root: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        """Relative path → (stamp, sha256 hex) of the last scan of `root`; one query."""

    def remember_digests(self, root: str, rows: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        """Replace or add rows. One transaction."""

    def fact(self, kind: str, name: str) -> bytes | None:
        """A remembered fact of the outside (`image`, `url`, `git`), as its adapter encoded it."""

    def remember_fact(self, kind: str, name: str, value: bytes) -> None:
        """Keep it. Durable at return."""


class Store(Protocol):
    """The whole: one directory, shared by all processes of a user."""

    @property
    def root(self) -> Path: ...

    @property
    def records(self) -> Records: ...

    @property
    def layers(self) -> Layers: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def files(self) -> Files: ...

    def close(self) -> None:
        """Flushes what is not durable yet, releases locks and this process's scratch directories."""


@dataclass(frozen=True, slots=True)
class StateInput:
    """A file-system state of the store."""

    state: StateId


@dataclass(frozen=True, slots=True)
class TreeInput:
    """A directory of this host with its filtered tree; regular files carry digest and stamp where a step reads them."""

    root: str
    tree: Tree


@dataclass(frozen=True, slots=True)
class FilesInput:
    """Files given inline."""

    files: tuple[WrittenFile, ...]


@dataclass(frozen=True, slots=True)
class BlobInput:
    """One file from a URL: bytes at `path`, to be named `name`; `mtime` in unix seconds."""

    path: Path
    name: str
    mtime: float


Input = StateInput | TreeInput | FilesInput | BlobInput


@dataclass(frozen=True, slots=True)
class Task:
    """A step with everything it needs to run. `secrets`: id → value; `timeout` in seconds, 0 = none."""

    step: Step
    inputs: tuple[Input, ...]
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ssh: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 0.0


Say = Callable[[str, str], None]
"""Takes (stream, one line): `stdout` or `stderr` of the step, or `progress` for what the engine is doing."""


class Worker(Protocol):
    """Runs steps. Any number may be under way at once; the caller limits them."""

    async def run(self, task: Task, say: Say) -> Layer:
        """Runs the step and commits its layer to the store.

        Raises StepFailed when the step failed, StepError when its inputs do not fit (a missing source), HostError when
        the host cannot run it. Cancelling ends every process of the step and leaves nothing half-written.
        """


class Engine(Worker, Protocol):
    """A worker plus what only it can do with states. Used as an async context manager: entering starts nothing yet."""

    @property
    def name(self) -> str: ...

    async def ensure(self, state: StateId, say: Say) -> None:
        """Makes every layer of `state` unpacked, downloading what is missing."""

    async def archive(self, state: StateId, compression: str, level: int) -> Layer:
        """The top layer of `state` with a blob of that compression in the store (`gzip`, `zstd`, `none`)."""

    async def archive_dated(self, state: StateId, compression: str, level: int, epoch: int) -> tuple[str, Descriptor]:
        """(diff id, blob in the store) of the top layer of `state`, no time in it later than `epoch` (unix seconds)."""

    async def interact(self, state: StateId, process: Process) -> int:
        """Runs a process on a throw-away copy of `state`, on our own stdin, stdout, stderr; its exit code."""

    async def close(self) -> None:
        """Ends what was started: helper processes, mounts, sandboxes."""


@dataclass(frozen=True, slots=True)
class Unload:
    """Whole states as files of this host. `states`: directory below `dest` ("" = `dest` itself) → state.

    `files` are further files, path → bytes. Two states may not write one path. `latest`: in unix seconds, what no time
    of a file may exceed.
    """

    states: tuple[tuple[str, StateId], ...]
    dest: Path
    files: tuple[tuple[str, bytes], ...] = ()
    latest: int | None = None


class Unloader(Protocol):
    """What outputs and statements about an image ask of an engine: to read whole states. Makes no layers."""

    async def spread(self, unload: Unload, delete: bool) -> tuple[str, ...]:
        """Writes files into the directory `dest`, made if need be, as this user's; `delete` removes everything else.

        Modes and times are kept, owners are not. No link that is there already is followed. Returns paths that could
        not be made here (devices, sockets). Raises InputError when two states write one path, HostError.
        """

    async def pack(self, unload: Unload) -> None:
        """Writes a tar archive to the new file `dest`, with owners. The same states give the same bytes."""

    async def read(self, state: StateId, paths: Sequence[str]) -> Mapping[str, bytes]:
        """The bytes of regular files; symbolic links are followed within the state. Absent ones are left out."""


@dataclass(frozen=True, slots=True)
class Process:
    """A command in a sandbox; `platform` is what its programs are made for, "" = this host's."""

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    cwd: str = "/"
    user: str = ""
    network: str = "host"
    terminal: bool = False
    platform: str = ""


class Fetch(Protocol):
    """Downloads a blob of an image; given to an engine, so that it knows no registry."""

    async def __call__(self, layer: Layer, blob: Descriptor, say: Say) -> Path:
        """The verified blob's path in the store. Raises RemoteError."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of this host bound into a container; `target` is absolute inside the root."""

    source: str
    target: str
    readonly: bool


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A memory file system; `size` in bytes, 0 = the kernel's default."""

    target: str
    size: int
    mode: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A process to run on a root. `user` as in a Dockerfile, looked up by the sandbox in the root's passwd and group.

    `network` is `host` or `none`; `ulimits` are `name=soft[:hard]`; `mounts` apply in the order given.
    """

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str
    user: str
    network: str
    insecure: bool
    hostname: str
    mounts: tuple[Bind | Tmpfs, ...]
    shm_size: int
    ulimits: tuple[str, ...]
    terminal: bool


class StartFailed(Exception):
    """The program never started: not found, not executable, no such user."""


class Sandbox(Protocol):
    """How a process is confined. Works inside the engine's helper process."""

    @property
    def name(self) -> str: ...

    @property
    def reductions(self) -> Mapping[str, str]:
        """What a step gets less than under BuildKit: key → sentence."""

    async def run(
        self, root: str, execution: Execution, scratch: str, output: Callable[[str, bytes], None] | None
    ) -> int:
        """Runs to the end; returns the exit code, 128 + n for signal n.

        `output` takes (`stdout` or `stderr`, a chunk); None: the process gets our own stdio. `scratch` is an empty
        directory for the sandbox's state. Raises StartFailed. Cancelling kills the whole container and cleans up.
        """
