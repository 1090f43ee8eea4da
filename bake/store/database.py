"""The index's one connection of this process, safe to use from several threads; SQLite's refusals become HostErrors.

WAL with synchronous=NORMAL: what is committed survives the death of any process at any instant. A power failure may
lose the last commits, never the consistency of the index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

from bake.errors import Diagnostic, HostError
from bake.store.schema import STEPS

_WAIT_MS = 60_000


class Database:
    """Statements run one at a time; `transaction` groups several."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        self._depth = 0
        with self._mapped():
            self._connection = sqlite3.connect(
                path, timeout=_WAIT_MS / 1000, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate()

    def _migrate(self) -> None:
        version = self._version()
        if version == len(STEPS):
            return
        if version > len(STEPS):
            message = f"the store {self.path.parent} was made by a newer bake"
            raise HostError(
                Diagnostic("newer-store", message, hint="update bake, or set BAKE_STORE to another directory")
            )
        with self.transaction():
            for number in range(self._version(), len(STEPS)):
                for statement in filter(str.strip, STEPS[number].split(";")):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={len(STEPS)}")

    def _version(self) -> int:
        found: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return found

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._mapped():
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        with self._lock, self._mapped():
            found: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
            return found

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        with self._lock, self._mapped():
            self._connection.execute(sql, values)

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            with self.transaction(), self._mapped():
                self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        with self._lock, self._mapped():
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _refusal(self.path, error) from error


def _refusal(path: Path, error: sqlite3.Error) -> HostError:
    text, store = str(error), path.parent
    if "full" in text:
        return HostError(
            Diagnostic("disk-full", f"no space is left for the store {store}", hint="free some, or prune it")
        )
    if "readonly" in text or "unable to open" in text:
        hint = "set BAKE_STORE to a directory that you may write"
        return HostError(Diagnostic("store-readonly", f"the store {store} cannot be written: {text}", hint=hint))
    if "malformed" in text or "not a database" in text:
        hint = f"move {store} away; the next build makes a new one"
        return HostError(Diagnostic("store-damaged", f"the index of the store {store} is damaged: {text}", hint=hint))
    return HostError(Diagnostic("store-failed", f"the index of the store {store} failed: {text}"))
