"""Keys and what they came to. Reading is one indexed query; the parts of a key are loaded only when asked for."""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec

from bake.plan.tree import SCRATCH, StateId
from bake.ports.records import Parts, Record
from bake.store.database import Database
from bake.store.locks import Claims
from bake.store.rows import raw, text

_USED_S = 600.0
"""`last_used` is that exact, in seconds: a run right after another, with nothing to do, then writes nothing."""

_INSERT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)"

_SMALL = 1000
"""Bytes of parts that are stored as they are: pressing them takes longer than writing them."""
_PRESSED = b"\x78"
"""The first byte of what zlib has pressed, which no list in msgpack begins with."""

_pairs = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])


class RecordTable:
    """See ports.records.Records."""

    def __init__(self, database: Database, claims: Claims) -> None:
        self._database = database
        self._claims = claims

    def lookup(self, key: str) -> Record | None:
        row = self._database.one(
            "SELECT r.state, r.created, r.duration, r.origin FROM records r WHERE r.key = ?"
            " AND (r.state = ? OR EXISTS (SELECT 1 FROM layers l WHERE l.state = r.state))",
            key,
            SCRATCH,
        )
        return Record(key, StateId(row[0]), *row[1:]) if row is not None else None

    def known(self, key: str) -> bool:
        return self._database.one("SELECT 1 FROM records WHERE key = ?", key) is not None

    def parts(self, key: str) -> Parts | None:
        row = self._database.one("SELECT data FROM parts WHERE key = ?", key)
        return _decode(row[0]) if row is not None else None

    def last_parts(self, slot: str) -> Parts | None:
        row = self._database.one("SELECT p.data FROM slots s JOIN parts p ON p.key = s.key WHERE s.slot = ?", slot)
        return _decode(row[0]) if row is not None else None

    def last_record(self, slot: str) -> Record | None:
        row = self._database.one(
            "SELECT r.key, r.state, r.created, r.duration, r.origin FROM slots s JOIN records r ON r.key = s.key"
            " WHERE s.slot = ?",
            slot,
        )
        return Record(row[0], StateId(row[1]), *row[2:]) if row is not None else None

    def last_durations(self, slots: Collection[str]) -> Mapping[str, float]:
        return dict(
            self._database.all(
                "SELECT s.slot, r.duration FROM json_each(?) j JOIN slots s ON s.slot = j.value"
                " JOIN records r ON r.key = s.key",
                (msgspec.json.encode(list(slots)).decode(),),
            )
        )

    def remember(self, record: Record, parts: Parts) -> None:
        self.remember_all([(record, parts)])

    def remember_all(self, rows: Sequence[tuple[Record, Parts]]) -> None:
        with self._database.write_durably() as connection:
            connection.executemany(_INSERT, [_row(record) for record, _ in rows])
            connection.executemany(
                "INSERT OR REPLACE INTO parts VALUES (?, ?)", [(r.key, _encode(parts)) for r, parts in rows]
            )

    def adopt(self, record: Record) -> None:
        with self._database.write() as connection:
            connection.execute(_INSERT, _row(record))

    def visit(self, slots: Mapping[str, str], parts: Mapping[str, Parts]) -> None:
        now = time.time()
        used = [(now, key, now - _USED_S) for key in dict.fromkeys(slots.values())]
        kept = [(key, _encode(value)) for key, value in parts.items()]
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO slots VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET key = excluded.key"
                " WHERE key <> excluded.key",
                slots.items(),
            )
            connection.executemany("UPDATE records SET last_used = ? WHERE key = ? AND last_used < ?", used)
            connection.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?)", kept)

    def claim(self, key: str) -> AbstractAsyncContextManager[None]:
        return self._claims.claim(key)


def _row(record: Record) -> tuple[object, ...]:
    return record.key, record.state, record.created, record.duration, time.time(), record.origin


def _encode(parts: Parts) -> bytes:
    data = msgspec.msgpack.encode([(raw(name), raw(value)) for name, value in parts.items()])
    return zlib.compress(data, 1) if len(data) > _SMALL else data


def _decode(data: bytes) -> Parts | None:
    """None for what is damaged: a reason less, and nothing that a build needs."""
    try:
        plain = zlib.decompress(data) if data.startswith(_PRESSED) else data
        return {text(name): text(value) for name, value in _pairs.decode(plain)}
    except (zlib.error, msgspec.MsgspecError):
        return None
