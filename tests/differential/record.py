"""Builds the cases with the real BuildKit of Debian's docker.io and writes its results beside them.

python tests/differential/record.py [NAME…]   (a table's or a case's name; default: all)
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from diff_cases import CASES, Case, all_cases, bases
from diff_judge import Judge
from diff_subject import write_cases


def wanted(names: list[str]) -> list[Case]:
    """The cases that the daemon can judge."""
    return [c for c in all_cases() if not c.reference and (not names or c.name in names or c.table in names)]


def main(names: list[str]) -> None:
    cases = wanted(names)
    with tempfile.TemporaryDirectory() as directory, Judge() as judge:
        root = Path(directory)
        write_cases(root, cases)
        for case in bases():
            found = judge.build(case, root / case.name)
            assert "error" not in found, found
        for case in cases:
            save(case, judge.build(case, root / case.name))
            print(case.table, case.name)
    prune()


def save(case: Case, found: dict[str, object]) -> None:
    """Puts one result into its table's file."""
    write(case.table, {**read(case.table), case.name: found})


def prune() -> None:
    """Drops the results of cases that are no more, or no more judged."""
    for path in CASES.glob("*.json"):
        names = {case.name for case in wanted([]) if case.table == path.stem}
        write(path.stem, {name: row for name, row in read(path.stem).items() if name in names})


def read(table: str) -> dict[str, object]:
    path = CASES / f"{table}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def write(table: str, rows: dict[str, object]) -> None:
    text = json.dumps(dict(sorted(rows.items())), indent=1, ensure_ascii=False)
    (CASES / f"{table}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
