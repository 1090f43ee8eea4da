"""A sample of the cases, built now by the real BuildKit and by bake: the recordings still are what the daemon does.

Another sample for each commit; `BAKE_DIFFERENTIAL_SEED` repeats one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from diff_cases import Case, all_cases, bases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_judge import DOCKER, DOCKERD, Judge
from diff_known import allowed, unexplained
from diff_subject import Subject, write_cases
from test_differential import FAILING, recorded

EACH = 4
"""Cases of each table."""


def seed() -> str:
    given = os.environ.get("BAKE_DIFFERENTIAL_SEED")
    if given is None:
        words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        given = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return given


def sample(of: str) -> list[Case]:
    chosen = Random(of)
    tables = groupby((case for case in all_cases() if not case.reference), key=lambda case: case.table)
    rows = [(table, list(cases)) for table, cases in tables]
    return [case for _, cases in rows for case in chosen.sample(cases, min(EACH, len(cases)))]


SEED = seed()
CASES = sample(SEED)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("live") / "project"
    root.mkdir()
    write_cases(root, CASES)
    return root


@pytest.fixture(scope="module")
def live(project: Path) -> Iterator[Mapping[str, Any]]:
    """The daemon's result of each case. In CI a missing daemon is a failure."""
    if not (Path(DOCKERD).exists() and Path(DOCKER).exists()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("dockerd is missing: apt-get install docker.io")
    with Judge() as judge:
        for case in bases():
            assert "error" not in judge.build(case, project / case.name)
        yield {case.name: judge.build(case, project / case.name) for case in CASES}


@pytest.fixture(scope="module")
def built(project: Path) -> tuple[Subject, Mapping[str, Any]]:
    subject = Subject(project, project.parent / "store")
    cases = [case for case in CASES if case.table != FAILING]
    refused = subject.build_all(cases)
    found = subject.read([case.name for case in cases if case.name not in refused])
    return subject, found | {name: {"error": text} for name, text in refused.items()}


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.table}-{case.name}") for case in CASES])
def test_daemon_and_bake_agree_now(
    case: Case, live: Mapping[str, Any], built: tuple[Subject, Mapping[str, Any]]
) -> None:
    judge, (subject, images) = live[case.name], built
    again = f"BAKE_DIFFERENTIAL_SEED={SEED}"
    if case.table == FAILING:
        assert judge_class(judge.get("error", "built")) == judge_class(
            recorded(FAILING)[case.name].get("error", "built")
        )
        subject.write_spec([case])
        codes = [diagnostic.code for error in subject.build(case.name) for diagnostic in error.diagnostics]
        bake, expected = bake_class(codes[0]) if codes else "built", judge_class(judge.get("error", "built"))
        assert ([] if expected == bake != "built" else [f"error: {expected} => {bake}"]) == allowed(case), again
        return
    assert list(differences(recorded(case.table)[case.name], judge)) == [], f"record it anew; {again}"
    found = differences(judge, images.get(case.name, {"error": "a step failed"}))
    assert unexplained(found) == allowed(case), again
