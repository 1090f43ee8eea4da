"""Each case built by bake gives what the real BuildKit gave (cases/*.json, by record.py), or what is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from diff_cases import CASES, Case, all_cases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_known import RULES, allowed, unexplained
from diff_lines import KNOWN, misplaced
from diff_subject import Subject, write_cases

ALL = all_cases()
FAILING = "errors"
"""The table of the cases that are built each alone, as they fail."""


@cache
def recorded(table: str) -> Mapping[str, Any]:
    """The daemon's results for a table."""
    path = CASES / f"{table}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    directory = tmp_path_factory.mktemp("differential")
    (directory / "project").mkdir()
    write_cases(directory / "project", ALL)
    return Subject(directory / "project", directory / "store")


@pytest.fixture(scope="module")
def built(subject: Subject) -> Iterator[Mapping[str, Any]]:
    """Every result of bake, all made in one run; what could not be planned is `{"error": …}`."""
    cases = [case for case in ALL if case.table != FAILING]
    refused = subject.build_all(cases)
    found = subject.read([case.name for case in cases if case.name not in refused])
    yield found | {name: {"error": text} for name, text in refused.items()}


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", named([c for c in ALL if c.table != FAILING and not c.reference]))
def test_image_is_the_same(case: Case, built: Mapping[str, Any]) -> None:
    found = differences(recorded(case.table)[case.name], built.get(case.name, {"error": "a step failed"}))
    assert unexplained(found) == allowed(case)


@pytest.mark.parametrize("case", named([c for c in ALL if c.table != FAILING and c.reference]))
def test_image_is_as_the_reference_says(case: Case, built: Mapping[str, Any]) -> None:
    found = built.get(case.name, {"error": "a step failed"})
    for part, wanted in case.expect.items():
        if isinstance(wanted, dict):
            assert {key: found[part].get(key, "gone") for key in wanted} == wanted
        else:
            assert found[part] == wanted


@pytest.mark.parametrize("case", named([c for c in ALL if c.table == FAILING]))
def test_failure_is_of_the_same_class(case: Case, subject: Subject) -> None:
    subject.write_spec([case])
    errors = subject.build(case.name)
    codes = [diagnostic.code for error in errors for diagnostic in error.diagnostics]
    bake = bake_class(codes[0]) if codes else "built"
    assert (misplaced(case.name, errors) is None) == (case.name not in KNOWN), misplaced(case.name, errors)
    if case.reference:
        assert codes[:1] == [case.expect["error"]]
        return
    judge = judge_class(recorded(case.table)[case.name].get("error", "built"))
    assert ([] if judge == bake != "built" else [f"error: {judge} => {bake}"]) == allowed(case)


def test_every_rule_and_recording_is_used(built: Mapping[str, Any]) -> None:
    judged = [case for case in ALL if not case.reference]
    pairs = [(recorded(c.table)[c.name], built[c.name]) for c in judged if c.table != FAILING and c.name in built]
    found = [difference for judge, bake in pairs for difference in differences(judge, bake)]
    assert [rule.name for rule in RULES if not any(map(rule.holds, found))] == []
    names = {path.stem: set(recorded(path.stem)) for path in CASES.glob("*.json")}
    assert names == {table: {c.name for c in judged if c.table == table} for table in names}


def test_every_known_difference_has_its_reason() -> None:
    rows = [row for case in ALL for row in case.known]
    assert all(row["reason"] and row["reference"].startswith(("§", "20.10")) for row in rows)
