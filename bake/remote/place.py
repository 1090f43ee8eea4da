"""Where a cache lies, as the rest of the remote cache sees it: something to read, to add to, and to find layers in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bake.errors import Diagnostic, RemoteError
from bake.plan.key import Parts
from bake.remote.catalog import Catalog

MOST_RECORDS = 20_000
MAX_AGE_S = 30 * 86400
"""What a cache keeps when it is written (`catalog.prune`)."""


@dataclass(frozen=True)
class Found:
    """What a place holds now: its catalog without the parts, and how to get those. `problems` made it less than whole.

    `nothing`: there is no cache yet.
    """

    catalog: Catalog = field(default_factory=Catalog)
    parts: Callable[[], Awaitable[Mapping[str, Parts]]] | None = None
    problems: tuple[Diagnostic, ...] = ()
    nothing: bool = False


@dataclass(frozen=True)
class Addition:
    """What a run adds. `held`: by digest, where the bytes are of archives that the cache is to hold itself (source "").

    `lost`: digests of archives that the cache tells of and that are gone.
    """

    catalog: Catalog
    held: Mapping[str, Path] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()


Add = Callable[[Catalog], Awaitable[Addition]]
"""Given what a cache knows already, what is to be added; so that nothing is archived or looked for that is known."""


@dataclass(frozen=True)
class Written:
    """`changed`: whether there was anything to write; `records` in the cache now; `sent`: bytes written."""

    changed: bool
    records: int = 0
    sent: int = 0


class Place(Protocol):
    """Reading and writing raise RemoteError or HostError."""

    @property
    def name(self) -> str:
        """What people call it: `host/repository:tag`, or a directory."""

    async def read(self) -> Found:
        """What is there now."""

    async def write(self, add: Add) -> Written:
        """Merges an addition into what is there. Whatever others write at the same time, nothing is lost of either."""

    def inside(self, repository: str) -> str:
        """How the catalog names a repository, so that it still fits when the registry is reached by another name."""

    def outside(self, source: str) -> str | None:
        """What a source in the catalog means here: a repository, or a directory (absolute). None: it makes no sense."""

    async def has(self, repository: str, digest: str) -> bool:
        """Whether a repository that anybody may name holds a blob now."""


class NotACache(RemoteError):
    """What lies there is something else, which is neither read nor overwritten."""

    def __init__(self, name: str, reason: str) -> None:
        hint = "choose another reference for the cache of bake"
        super().__init__(Diagnostic("foreign-cache", f"{name} is no cache of bake: {reason}", hint=hint))


def unreadable(name: str, reason: object) -> Diagnostic:
    """The warning for a cache that cannot be used, wholly or in part."""
    hint = "the build goes on without what it holds"
    return Diagnostic("cache-unreadable", f"the cache {name} cannot be used: {reason}", hint=hint, severity="warning")
