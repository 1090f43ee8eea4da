"""`RUN --mount`: one CSV record, and what it means once its values are expanded (reference/dockerfile.md §7.1)."""

from __future__ import annotations

from bake.dockerfile.mounts.kinds import (
    BindMount,
    CacheMount,
    ResolvedMount,
    SecretMount,
    Sharing,
    SshMount,
    TmpfsMount,
)
from bake.dockerfile.mounts.options import parse_mount
from bake.dockerfile.mounts.resolve import resolve_mount

__all__ = [
    "BindMount", "CacheMount", "ResolvedMount", "SecretMount", "Sharing", "SshMount", "TmpfsMount", "parse_mount",
    "resolve_mount",
]  # fmt: skip
