"""Whole states as files of this host: what outputs ask of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bake.plan.tree import StateId


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
