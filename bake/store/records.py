"""Keys and what they came to (`ports.Records`)."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from bake.plan.tree import StateId
from bake.ports import Parts, Record
from bake.store.database import Database
from bake.store.locks import claim

_FRESH = 3600.0  # seconds within which another use of a record is not worth a write


class SqlRecords:
    """See `ports.Records` for the guarantees."""

    def __init__(self, database: Database, locks: Path) -> None:
        self._database = database
        self._locks = locks

    def lookup(self, key: str) -> Record | None:
        row = self._database.one(
            "SELECT r.state, r.created, r.duration FROM records r JOIN layers l ON l.state = r.state WHERE r.key = ?",
            (key,),
        )
        return Record(key, StateId(row[0]), row[1], row[2]) if row else None

    def known(self, key: str) -> bool:
        return self._database.one("SELECT 1 FROM records WHERE key = ?", (key,)) is not None

    def last_parts(self, slot: str) -> Parts | None:
        row = self._database.one("SELECT p.data FROM slots s JOIN parts p ON p.key = s.key WHERE s.slot = ?", (slot,))
        return msgspec.msgpack.decode(zlib.decompress(row[0]), type=dict[str, str]) if row else None

    def last_duration(self, slot: str) -> float | None:
        row = self._database.one(
            "SELECT r.duration FROM slots s JOIN records r ON r.key = s.key WHERE s.slot = ?", (slot,)
        )
        return row[0] if row else None

    def remember(self, record: Record, parts: Parts) -> None:
        data = zlib.compress(msgspec.msgpack.encode(dict(parts)), 1)
        with self._database.transaction():
            self._database.run(
                "INSERT OR REPLACE INTO records (key, state, created, duration, used) VALUES (?, ?, ?, ?, ?)",
                (record.key, record.state, record.created, record.duration, time.time()),
            )
            self._database.run("INSERT OR REPLACE INTO parts (key, data) VALUES (?, ?)", (record.key, data))

    def visit(self, slots: Mapping[str, str], parts: Mapping[str, Parts]) -> None:
        now = time.time()
        with self._database.transaction():
            self._database.many(
                "INSERT INTO slots (slot, key) VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET key = excluded.key"
                " WHERE key <> excluded.key",
                list(slots.items()),
            )
            self._database.many(
                "UPDATE records SET used = ? WHERE key = ? AND used < ?",
                [(now, key, now - _FRESH) for key in dict.fromkeys(slots.values())],
            )
            self._database.many(
                "INSERT OR REPLACE INTO parts (key, data) VALUES (?, ?)",
                [(key, zlib.compress(msgspec.msgpack.encode(dict(table)), 1)) for key, table in parts.items()],
            )

    def claim(self, key: str) -> AbstractAsyncContextManager[None]:
        return claim(self._locks, key)
