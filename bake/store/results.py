"""What was built last, by name: for `run`, `push` and `inspect` without a build."""

from __future__ import annotations

import time

from bake.store.database import Database


class Results:
    """Opaque values by name; the newest replaces what was there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, value: bytes) -> None:
        self._database.run(
            "INSERT OR REPLACE INTO results (name, value, saved) VALUES (?, ?, ?)", (name, value, time.time())
        )

    def load(self, name: str) -> bytes | None:
        row = self._database.one("SELECT value FROM results WHERE name = ?", (name,))
        return row[0] if row else None

    def names(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self._database.all("SELECT name FROM results ORDER BY name"))
