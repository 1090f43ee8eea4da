"""What runs steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bake.oci.model import Descriptor
from bake.plan.tree import StateId
from bake.ports.layers import Layer
from bake.ports.task import Task

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
