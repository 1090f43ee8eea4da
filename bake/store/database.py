"""The one connection that a process has to the index: any thread may use it, one at a time.

WAL with `synchronous=NORMAL`: a transaction survives the death of the process, and a power loss once something after it
was made durable, as the log is synced as a whole and in order. `write_durably` is for what must survive at return.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from bake.store.schema import migrate
from bake.store.trouble import mapped, sqlite_trouble

_BUSY_S = 20.0
_ATTEMPTS = 3
"""SQLite itself waits `_BUSY_S`; some conflicts (recovery after a death) it reports at once: tried again."""

Row = tuple[Any, ...]


class Database:
    """Opened at construction. Raises HostError for what SQLite refuses, here and in every method."""

    def __init__(self, path: Path, root: Path) -> None:
        self._root = root
        self._lock = RLock()
        self._writes = 0
        self._loose = False  # something was committed that a power loss may take
        self._closed = False
        with mapped(root):
            self._connection = sqlite3.connect(path, _BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                self._connection.execute("PRAGMA foreign_keys = ON")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                migrate(self._connection, root)
            except BaseException:
                self._connection.close()
                raise

    def one(self, sql: str, *values: object) -> Row | None:
        """The first row."""
        rows = self.all(sql, values)
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows."""
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise sqlite_trouble(error, self._root) from error

    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        """A transaction, alone among all processes: what is done to files inside is done under its lock as well."""
        return self._transaction("NORMAL")

    def write_durably(self) -> AbstractContextManager[sqlite3.Connection]:
        """As `write`; at its end all that was ever committed is on the disk."""
        return self._transaction("FULL")

    def version(self) -> tuple[int, int]:
        """Another value after every write, by this process or another."""
        row = self.one("PRAGMA data_version")
        return (row[0] if row else 0, self._writes)

    def flush(self) -> None:
        """Makes durable what was committed."""
        if self._loose:
            with self.write_durably() as connection:
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('flushed', ?)", (time.time(),))

    def close(self) -> None:
        """A second call does nothing."""
        with self._lock, mapped(self._root):
            self._closed = True
            self._connection.close()

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def _transaction(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        with self._lock, mapped(self._root):
            connection, before = self._connection, self._connection.total_changes
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            self._begin()
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._writes += 1
            if synchronous == "FULL":
                self._loose = False
            elif connection.total_changes != before:
                self._loose = True

    def _begin(self) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or attempt == _ATTEMPTS:
                    raise
                time.sleep(0.01 * attempt)
