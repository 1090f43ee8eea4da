"""What past runs left: the last result of each target and platform, and the reports of the last runs."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping

import msgspec

from bake.store.database import Database
from bake.store.rows import raw, text

_MOST_RUNS = 100


class Results:
    """Values by name, encoded by who saves them. Durable when the store is closed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, values: Mapping[str, bytes]) -> None:
        """Replaces what was there under these names."""
        now = time.time()
        with self._database.write() as connection:
            rows = [(raw(name), value, now) for name, value in values.items()]
            connection.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?)", rows)

    def load(self, name: str) -> bytes | None:
        """None if nothing was saved under this name."""
        row = self._database.one("SELECT value FROM images WHERE name = ?", raw(name))
        return row[0] if row is not None else None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(text(name) for (name,) in self._database.all("SELECT name FROM images ORDER BY name"))


class Run(msgspec.Struct, frozen=True):
    """One run of a build: `started` in unix seconds, `outcome` and `report` as its writer meant them.

    `report` is empty when it is damaged.
    """

    id: int
    started: float
    outcome: str
    report: bytes


class Runs:
    """The last runs, at most 100."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, started: float, outcome: str, report: bytes) -> int:
        """Keeps a report; returns its number, which grows from run to run."""
        with self._database.write() as connection:
            values = (started, outcome, zlib.compress(report, 1))
            number = connection.execute("INSERT INTO runs VALUES (NULL, ?, ?, ?)", values).lastrowid or 0
            connection.execute("DELETE FROM runs WHERE id <= ?", (number - _MOST_RUNS,))
        return number

    def last(self, number: int = 1) -> tuple[Run, ...]:
        """That many runs, the latest first."""
        rows = self._database.all("SELECT id, started, outcome, report FROM runs ORDER BY id DESC LIMIT ?", (number,))
        return tuple(Run(id, started, outcome, _plain(report)) for id, started, outcome, report in rows)


def _plain(packed: bytes) -> bytes:
    try:
        return zlib.decompress(packed)
    except zlib.error:
        return b""
