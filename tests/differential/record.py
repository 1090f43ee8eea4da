"""Builds the cases with the real BuildKits and writes their results beside them.

python tests/differential/record.py JUDGE [NAME…]   (20.10, 28.5 or 26.1; a table's or a case's name, default: all)
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

import diff_unlike
from diff_cases import Case, bases
from diff_judge import JUDGES, Judge, OfDebian13
from diff_recordings import Recordings
from diff_servers import servers
from diff_subject import write_cases


def main(judge: str, names: list[str]) -> None:
    if judge == OfDebian13.name:
        cases = _chosen(Recordings("28.5"), names)
        diff_unlike.save({case.name: found for case, found in _results(OfDebian13(), cases)})
        return
    recordings = Recordings(judge)
    daemon = JUDGES[judge]()
    for case, found in _results(daemon, _chosen(recordings, names)):
        recordings.save(case, found)
        recordings.note(daemon.engine() or "")
    recordings.prune()


def _chosen(recordings: Recordings, names: list[str]) -> list[Case]:
    return [case for case in recordings.cases() if not names or case.name in names or case.table in names]


def _results(judge: Judge, cases: list[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as directory, judge, servers() as network:
        root = Path(directory)
        cases = network.into(cases)
        write_cases(root, cases)
        for case in bases():
            found = judge.build(case, root / case.name)
            assert "error" not in found, found
        for case in cases:
            yield case, network.out_of(judge.build(case, root / case.name))
            print(case.table, case.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
