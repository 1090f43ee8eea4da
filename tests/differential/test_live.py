"""A sample of the cases, built now by real BuildKits and by bake: the recordings still are what the daemons do.

This Debian's daemon is held to its own recordings; that of Debian 13 to those of 28.5, in cases in which the two were
of one mind. Another sample for each commit; `BAKE_DIFFERENTIAL_SEED` repeats one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import diff_unlike
import pytest
from diff_cases import Case, bases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_judge import Classic, OfDebian13
from diff_known import allowed, unexplained
from diff_servers import Servers, servers
from diff_subject import Subject, write_cases
from test_differential import RECORDED


def seed() -> str:
    given = os.environ.get("BAKE_DIFFERENTIAL_SEED")
    if given is None:
        words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        given = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return given


def sample(cases: list[Case], each: int) -> list[Case]:
    """As many cases of each table."""
    chosen = Random(SEED)
    rows = [list(cases) for _, cases in groupby(cases, key=lambda case: case.table)]
    return [case for cases in rows for case in chosen.sample(cases, min(each, len(cases)))]


SEED = seed()
JUDGES = {"20.10": Classic, "28.5": OfDebian13}
"""The daemons, by whose recordings they are held to."""
CASES = {
    "20.10": sample(RECORDED["20.10"].cases(), 4),
    "28.5": sample(diff_unlike.of_one_mind(), 1),
}
ALL = list({case.name: case for cases in CASES.values() for case in cases}.values())


@pytest.fixture(scope="module")
def network() -> Iterator[Servers]:
    with servers() as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, network: Servers) -> Path:
    root = tmp_path_factory.mktemp("live") / "project"
    root.mkdir()
    write_cases(root, network.into(ALL))
    return root


@pytest.fixture(scope="module")
def live(project: Path, network: Servers) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """What each daemon makes of its cases."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, kind in JUDGES.items():
        with kind() as judge:
            for case in bases():
                assert "error" not in judge.build(case, project / case.name)
            rows = {case.name: judge.build(case, project / case.name) for case in network.into(CASES[name])}
            found[name] = {case: network.out_of(row) for case, row in rows.items()}
    yield found


@pytest.fixture(scope="module")
def built(project: Path, network: Servers) -> tuple[Subject, Mapping[str, Any]]:
    subject = Subject(project, project.parent / "store")
    cases = [case for case in network.into(ALL) if not case.fails]
    refused = subject.build_all(cases)
    found = subject.read(case for case in cases if case.name not in refused)
    images = {name: network.out_of(row) for name, row in found.items()}
    return subject, images | {name: {"error": text} for name, text in refused.items()}


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, case, id=f"{name}-{case.table}-{case.name}") for name in JUDGES for case in CASES[name]],
)
def test_daemon_and_bake_agree_now(
    name: str,
    case: Case,
    live: Mapping[str, Mapping[str, Any]],
    built: tuple[Subject, Mapping[str, Any]],
    network: Servers,
    tmp_path: Path,
) -> None:
    judge, recorded, (subject, images) = live[name][case.name], RECORDED[name].result(case), built
    again = f"BAKE_DIFFERENTIAL_SEED={SEED}"
    assert diff_unlike.same(recorded, judge), f"record it anew; {again}"
    if case.fails:
        subject.write_spec(network.into([case]))
        codes = [diagnostic.code for error in subject.build(case.name) for diagnostic in error.diagnostics]
        bake, expected = bake_class(codes), judge_class(judge.get("error", "built"))
        assert ([] if expected == bake != "built" else [f"error: {expected} => {bake}"]) == allowed(name, case), again
        return
    found = differences(judge, images.get(case.name, {"error": "a step failed"}))
    if case.name in images and unexplained(name, found) != allowed(name, case):
        (alone,) = network.into([case])
        found = differences(judge, network.out_of(subject.alone(alone, tmp_path)))
    assert unexplained(name, found) == allowed(name, case), again
