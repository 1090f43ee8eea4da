"""The differential cases built through our client on the real daemon agree with what its own frontend made of them.

All cases, built in one run; files, config and history of the results are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import Daemon
from buildkit_known import DIFFERENT
from diff_cases import CASES, Case, all_cases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_known import allowed, unexplained
from diff_subject import Subject, write_cases

from bake.app.options import Options

_FAILING = "errors"
ALL = [case for case in all_cases() if case.name not in DIFFERENT]
IMAGES = [case for case in ALL if case.table != _FAILING]


class RemoteSubject(Subject):
    """As Subject, on a builder."""

    address = ""

    def options(self, *names: str) -> Options:
        return replace(super().options(*names), engine="buildkit", builders=(self.address,), fetch=True)


@cache
def recorded(table: str) -> Mapping[str, Any]:
    import json

    path = CASES / f"{table}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory, daemon: Daemon) -> Subject:
    directory = tmp_path_factory.mktemp("conformance")
    (directory / "project").mkdir()
    write_cases(directory / "project", ALL)
    made = RemoteSubject(directory / "project", directory / "store")
    made.address = daemon.address
    return made


@pytest.fixture(scope="module")
def built(subject: Subject) -> Iterator[Mapping[str, Any]]:
    refused = subject.build_all(IMAGES)
    found = subject.read([case.name for case in IMAGES if case.name not in refused])
    failed = {case.name: {"error": f"not built: {subject.said}"} for case in IMAGES}
    yield failed | found | {name: {"error": text} for name, text in refused.items()}


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", named([case for case in IMAGES if not case.reference]))
def test_image_is_the_daemons_own(case: Case, built: Mapping[str, Any]) -> None:
    found = differences(recorded(case.table)[case.name], built[case.name])
    assert unexplained(found) in ([], allowed(case))


@pytest.mark.parametrize("case", named([case for case in IMAGES if case.reference]))
def test_image_is_as_the_reference_says(case: Case, built: Mapping[str, Any]) -> None:
    found = built[case.name]
    assert "error" not in found, found["error"]
    for part, wanted in case.expect.items():
        have = {key: found[part].get(key, "gone") for key in wanted} if isinstance(wanted, dict) else found[part]
        assert have == wanted


@pytest.mark.parametrize("case", named([case for case in ALL if case.table == _FAILING]))
def test_failure_is_of_the_same_class(case: Case, subject: Subject) -> None:
    subject.write_spec([case])
    codes = [diagnostic.code for error in subject.build(case.name) for diagnostic in error.diagnostics]
    if case.reference:
        assert codes[:1] == [case.expect["error"]]
        return
    judge = judge_class(recorded(case.table)[case.name].get("error", "built"))
    found = bake_class(codes[0]) if codes else "built"
    assert ([] if judge == found != "built" else [f"error: {judge} => {found}"]) in ([], allowed(case))


def test_what_differs_is_in_the_docs() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/buildkit.md").read_text().split())
    assert [reason for reason in set(DIFFERENT.values()) if reason.removeprefix("20.10 ") not in text] == []
