"""What a mount of a RUN is, each kind with the options that mean something for it (reference/dockerfile.md §7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sharing = Literal["shared", "private", "locked"]


@dataclass(frozen=True, slots=True)
class BindMount:
    """`target` and `source` of all mounts are as written; `from_` None is the main build context."""

    target: str
    source: str = "/"
    from_: str | None = None
    readonly: bool = True


@dataclass(frozen=True, slots=True)
class CacheMount:
    """`mode`, `uid` and `gid` are for the directory when it is created."""

    target: str
    id: str
    sharing: Sharing = "shared"
    from_: str | None = None
    source: str = "/"
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    """`size` in bytes, 0 for no limit."""

    target: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class SecretMount:
    """`target` "" for one that is only a variable."""

    id: str
    target: str
    env: str | None = None
    mode: int = 0o400
    uid: int = 0
    gid: int = 0
    required: bool = False


@dataclass(frozen=True, slots=True)
class SshMount:
    """`target` "" takes the place the engine numbers."""

    id: str
    target: str
    mode: int = 0o600
    uid: int = 0
    gid: int = 0
    required: bool = False


ResolvedMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount
