"""What the judges gave, kept beside the cases: cases/JUDGE/TABLE.json, and in `engine` which engine exactly it was."""

from __future__ import annotations

import json
from typing import Any

from diff_cases import CASES, Case, all_cases


class Recordings:
    """The results of one judge, named by its version."""

    def __init__(self, judge: str) -> None:
        self.judge = judge
        self._place = CASES / judge
        self._tables: dict[str, dict[str, Any]] = {}

    def cases(self) -> list[Case]:
        """Those that the judge is asked."""
        return [case for case in all_cases() if self.judge in case.judges]

    def result(self, case: Case) -> dict[str, Any]:
        found: dict[str, Any] = self.table(case.table)[case.name]
        return found

    def table(self, name: str) -> dict[str, Any]:
        if name not in self._tables:
            path = self._place / f"{name}.json"
            self._tables[name] = json.loads(path.read_text()) if path.is_file() else {}
        return self._tables[name]

    def names(self) -> dict[str, set[str]]:
        """What is recorded, by table."""
        return {path.stem: set(self.table(path.stem)) for path in self._place.glob("*.json")}

    def save(self, case: Case, found: dict[str, Any]) -> None:
        """Puts one result into its table's file."""
        self._write(case.table, {**self.table(case.table), case.name: found})

    def prune(self) -> None:
        """Drops the results of cases that are no more, or no more asked."""
        wanted = {(case.table, case.name) for case in self.cases()}
        for table in self.names():
            self._write(table, {name: row for name, row in self.table(table).items() if (table, name) in wanted})

    def note(self, engine: str) -> None:
        """Writes down which engine it was, with all of its version."""
        (self._place / "engine").write_text(f"{engine}\n")

    def _write(self, table: str, rows: dict[str, Any]) -> None:
        self._tables[table] = rows
        path = self._place / f"{table}.json"
        path.unlink(missing_ok=True)
        if rows:
            self._place.mkdir(exist_ok=True)
            path.write_text(json.dumps(dict(sorted(rows.items())), indent=1, ensure_ascii=False) + "\n")
