"""What is known of files of this host and of the outside, so that nothing unchanged is read or asked again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bake.store.database import Database
from bake.store.rows import raw, text

_stamp = msgspec.msgpack.Decoder(tuple[int, ...])


class FileTable:
    """See ports.files.Files. A root's rows come by one SELECT (reference/engine.md §3: one a file is twice as slow)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digests(self, root: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        rows = self._database.all(
            "SELECT path, stamp, digest FROM files WHERE root = (SELECT id FROM roots WHERE path = ?)", (raw(root),)
        )
        try:
            return {text(path): (_stamp.decode(stamp), digest) for path, stamp, digest in rows}
        except msgspec.MsgspecError:
            return {}  # damaged: the files are read once more

    def remember_digests(self, root: str, rows: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        if not rows:
            return
        with self._database.write() as connection:
            connection.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (raw(root),))
            (number,) = connection.execute("SELECT id FROM roots WHERE path = ?", (raw(root),)).fetchone()
            connection.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                ((number, raw(p), msgspec.msgpack.encode(stamp), digest) for p, (stamp, digest) in rows.items()),
            )

    def fact(self, kind: str, name: str) -> bytes | None:
        row = self._database.one("SELECT value FROM facts WHERE kind = ? AND name = ?", kind, name)
        return row[0] if row is not None else None

    def facts(self, kind: str) -> list[tuple[str, bytes]]:
        """All facts of a kind, by name."""
        return self._database.all("SELECT name, value FROM facts WHERE kind = ? ORDER BY name", (kind,))

    def remember_fact(self, kind: str, name: str, value: bytes) -> None:
        if self.fact(kind, name) != value:
            with self._database.write_durably() as connection:
                connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (kind, name, value))
