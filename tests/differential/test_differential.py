"""Each case built by bake gives what the real BuildKits gave (cases/*/*.json, by record.py), or what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from diff_cases import Case, all_cases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_judge import JUDGES
from diff_known import RULES, allowed, unexplained
from diff_lines import KNOWN, misplaced
from diff_recordings import Recordings
from diff_servers import Servers, servers
from diff_subject import Subject, write_cases

ALL = all_cases()
RECORDED = {judge: Recordings(judge) for judge in JUDGES}


@pytest.fixture(scope="module")
def network() -> Iterator[Servers]:
    with servers() as running:
        yield running


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory, network: Servers) -> Subject:
    directory = tmp_path_factory.mktemp("differential")
    (directory / "project").mkdir()
    write_cases(directory / "project", network.into(ALL))
    return Subject(directory / "project", directory / "store")


@pytest.fixture(scope="module")
def built(subject: Subject, network: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Any]]:
    """Every result of bake; what could not be planned is `{"error": …}`.

    All are made in one run and one store; what is not as its judges have it is made once more alone.
    """
    cases = network.into(case for case in ALL if not case.fails)
    refused = subject.build_all(cases)
    found = subject.read(case for case in cases if case.name not in refused)
    for case in cases:
        if case.name in found and not as_judged(case, network.out_of(found[case.name])):
            found[case.name] = subject.alone(case, tmp_path_factory.mktemp("alone"))
    yield {name: network.out_of(row) for name, row in found.items()} | {n: {"error": t} for n, t in refused.items()}


def as_judged(case: Case, found: Mapping[str, Any]) -> bool:
    return all(
        unexplained(name, differences(RECORDED[name].result(case), found)) == allowed(name, case)
        for name in case.judges
    )


def pairs() -> list[Any]:
    """Each judge with each of its cases that make an image."""
    return [
        pytest.param(judge, case, id=f"{judge}-{case.name}")
        for judge, recorded in RECORDED.items()
        for case in recorded.cases()
        if not case.fails
    ]


@pytest.mark.parametrize(("judge", "case"), pairs())
def test_image_is_the_same(judge: str, case: Case, built: Mapping[str, Any]) -> None:
    found = differences(RECORDED[judge].result(case), built.get(case.name, {"error": "a step failed"}))
    assert unexplained(judge, found) == allowed(judge, case)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALL if case.expect and not case.fails])
def test_image_is_as_the_reference_says(case: Case, built: Mapping[str, Any]) -> None:
    found = built.get(case.name, {"error": "a step failed"})
    for part, wanted in case.expect.items():
        if isinstance(wanted, dict):
            assert {key: found[part].get(key, "gone") for key in wanted} == wanted
        else:
            assert found[part] == wanted


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ALL if case.fails])
def test_failure_is_of_the_same_class(case: Case, subject: Subject, network: Servers) -> None:
    subject.write_spec(network.into([case]))
    errors = subject.build(case.name)
    codes = [diagnostic.code for error in errors for diagnostic in error.diagnostics]
    assert (misplaced(case.name, errors) is None) == (case.name not in KNOWN), misplaced(case.name, errors)
    if case.expect:
        assert codes[:1] == [case.expect["error"]]
    bake = bake_class(codes)
    for name in case.judges:
        judge = judge_class(RECORDED[name].result(case).get("error", "built"))
        assert ([] if judge == bake != "built" else [f"error: {judge} => {bake}"]) == allowed(name, case), name


def test_every_rule_is_used(built: Mapping[str, Any]) -> None:
    recorded = RECORDED["20.10"]
    cases = [case for case in recorded.cases() if not case.fails and case.name in built]
    found = [difference for case in cases for difference in differences(recorded.result(case), built[case.name])]
    assert [rule.name for rule in RULES if not any(map(rule.holds, found))] == []


@pytest.mark.parametrize("judge", JUDGES)
def test_every_recording_is_used(judge: str) -> None:
    recorded = RECORDED[judge]
    wanted: dict[str, set[str]] = {}
    for case in recorded.cases():
        wanted.setdefault(case.table, set()).add(case.name)
    assert recorded.names() == wanted


def test_every_known_difference_has_its_reason() -> None:
    rows = [row for case in ALL for row in case.known]
    assert all(row["reason"] and row["reference"].startswith(("§", *JUDGES, "SPEC")) for row in rows)
    assert all(row.get("judge", "20.10") in JUDGES for row in rows)
