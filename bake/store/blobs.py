"""Blobs: files named by their digest, in an OCI image layout.

The directory is the table: a blob is complete and on the disk before it gets its name, so a row could only disagree.
Its modification time says when it was last wanted.
"""

from __future__ import annotations

import os
from pathlib import Path

from bake.oci.digest import hex_of, is_digest, sha256
from bake.store.database import Database
from bake.store.durable import sync_directory
from bake.store.owner import Owner
from bake.store.trouble import mapped


class BlobDirectory:
    """See ports.blobs.Blobs. Storing waits for the disk: from an event loop, call it in a thread if the blob is big."""

    def __init__(self, root: Path, database: Database, owner: Owner) -> None:
        self._root = root
        self._directory = root / "oci" / "blobs" / "sha256"
        self._database = database
        self._owner = owner

    def path(self, digest: str) -> Path | None:
        path = self._directory / hex_of(digest)
        return path if is_digest(digest) and os.path.exists(path) else None

    def put(self, data: bytes) -> str:
        digest = sha256(data)
        with mapped(self._root):
            if self.path(digest) is not None:
                os.utime(self._place(digest))
                return digest
            file = self._owner.place()
            file.write_bytes(data)
        self.adopt(file, digest)
        return digest

    def adopt(self, file: Path, digest: str) -> Path:
        target = self._place(digest)
        with mapped(self._root):
            if target.exists():
                os.utime(target)
                file.unlink(missing_ok=True)
                return target
            _sync(file)
            file.rename(target)
            sync_directory(self._directory)
        return target

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        rows = self._database.all(
            "SELECT repository FROM locations WHERE registry = ? AND digest = ? ORDER BY number DESC",
            (registry, digest),
        )
        return tuple(repository for (repository,) in rows)

    def holders(self, digest: str) -> tuple[str, ...]:
        rows = self._database.all("SELECT repository FROM locations WHERE digest = ? ORDER BY number DESC", (digest,))
        return tuple(repository for (repository,) in rows)

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        if self.located(registry, digest)[:1] == (repository,):
            return
        with self._database.write() as connection:
            values = (registry, digest, repository)
            connection.execute("INSERT OR REPLACE INTO locations VALUES (NULL, ?, ?, ?)", values)

    def _place(self, digest: str) -> Path:
        """Raises ValueError for what is no digest, as it could name a file anywhere."""
        if not is_digest(digest):
            raise ValueError(f"not a digest: {digest!r}")
        return self._directory / hex_of(digest)


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
