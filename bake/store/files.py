"""What is known of files of this host and of the outside (`ports.Files`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bake.store.database import Database


class SqlFiles:
    """See `ports.Files` for the guarantees."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._decoder = msgspec.msgpack.Decoder(tuple[int, ...])

    def digests(self, root: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        rows = self._database.all("SELECT path, stamp, digest FROM files WHERE root = ?", (root,))
        return {path: (self._decoder.decode(stamp), digest) for path, stamp, digest in rows}

    def remember_digests(self, root: str, rows: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        self._database.many(
            "INSERT OR REPLACE INTO files (root, path, stamp, digest) VALUES (?, ?, ?, ?)",
            [(root, path, msgspec.msgpack.encode(stamp), digest) for path, (stamp, digest) in rows.items()],
        )

    def fact(self, kind: str, name: str) -> bytes | None:
        row = self._database.one("SELECT value FROM facts WHERE kind = ? AND name = ?", (kind, name))
        return row[0] if row else None

    def remember_fact(self, kind: str, name: str, value: bytes) -> None:
        self._database.run("INSERT OR REPLACE INTO facts (kind, name, value) VALUES (?, ?, ?)", (kind, name, value))
