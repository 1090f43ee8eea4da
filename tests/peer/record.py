"""Asks the peer itself, Debian sid's buildx and BuildKit, and writes what it says beside the cases.

python tests/peer/record.py lint|bake [TABLE…]     (default: all tables)
python tests/peer/record.py errors
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parents[2]))

import bake_cases
import lint_cases
from bake_judge import printed
from diff_servers import servers
from errors_judge import ERRORS, error_cases, prepare, said
from lint_judge import LintJudge
from peer_host import engine
from registry_server import registry

_AT_ONCE = 4


def main(what: str, names: list[str]) -> None:
    {"lint": record_lint, "bake": record_bake, "errors": record_errors}[what](names)


def record_errors(_: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory, engine() as daemon, servers() as network:
        cases = network.into(error_cases())
        prepare(Path(directory), daemon, cases)
        rows = {case.name: network.out_of(said(case, Path(directory), daemon)) for case in cases}
    write(ERRORS, rows)


def record_bake(names: list[str]) -> None:
    cases = [case for case in bake_cases.definitions() if not names or case.table in names]
    for table in {case.table for case in cases}:
        rows = {case.name: printed(case) for case in cases if case.table == table}
        write(bake_cases.RECORDED / f"{table}.json", rows)


def record_lint(names: list[str]) -> None:
    cases = [case for case in lint_cases.all_cases() if not names or case.table in names]
    with tempfile.TemporaryDirectory() as directory, engine() as daemon:
        root = Path(directory)
        with registry(root / "registry") as served, ThreadPoolExecutor(_AT_ONCE) as workers:
            (root / "cases").mkdir()
            judge = LintJudge(daemon, served.host, root / "cases")
            judge.make_bases()
            found = list(zip(cases, workers.map(judge.check, cases), strict=True))
    for table in {case.table for case in cases}:
        rows = {case.name: row for case, row in found if case.table == table}
        write(lint_cases.RECORDED / f"{table}.json", rows)


def write(path: Path, rows: Mapping[str, Any]) -> None:
    """One line a case."""
    lines = [f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False, sort_keys=True)}" for name, row in rows.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
