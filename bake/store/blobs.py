"""Content-addressed files: `oci/blobs/sha256` of an OCI image layout (`ports.Blobs`)."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bake.oci.digest import hex_of, sha256
from bake.store.database import Database
from bake.store.scratches import Scratches


class FileBlobs:
    """See `ports.Blobs` for the guarantees."""

    def __init__(self, database: Database, layout: Path, scratches: Scratches) -> None:
        self._database = database
        self._root = layout / "blobs" / "sha256"
        self._scratches = scratches

    def path(self, digest: str) -> Path | None:
        path = self._root / hex_of(digest)
        return path if path.is_file() else None

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        if self.path(digest) is None:
            file = self._scratches.new() / "blob"
            file.write_bytes(data)
            self.adopt(file, digest)
        return digest

    def adopt(self, file: Path, digest: str) -> Path:
        path = self._root / hex_of(digest)
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(file, path)
        return path

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        rows = self._database.all(
            "SELECT repository FROM locations WHERE registry = ? AND digest = ? ORDER BY seen DESC", (registry, digest)
        )
        return tuple(row[0] for row in rows)

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        if repository in self.located(registry, digest)[:1]:
            return
        self._database.run(
            "INSERT OR REPLACE INTO locations (registry, digest, repository, seen) VALUES (?, ?, ?, ?)",
            (registry, digest, repository, time.time()),
        )
