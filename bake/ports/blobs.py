"""Content-addressed files, and who else holds them: one of the parts of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


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
