"""A process on a root and how it is confined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


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
