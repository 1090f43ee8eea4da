"""The differential cases built through our client on the old daemon agree with what its own front end made of them.

Files, config and history of the results are compared.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from buildkit_conformance import Built, Cases
from buildkit_daemon import Daemon
from buildkit_known import DIFFERENT, NEWER_DIFFERENT, NEWER_IN_CONTAINERD_DIFFERENT
from diff_cases import Case

CASES = Cases(DIFFERENT)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, daemon: Daemon) -> Built:
    return Built(CASES, tmp_path_factory.mktemp("conformance"), daemon)


@pytest.mark.parametrize("case", CASES.recorded)
def test_image_is_the_daemons_own(case: Case, built: Built) -> None:
    built.is_the_daemons_own(case)


@pytest.mark.parametrize("case", CASES.beyond)
def test_files_are_the_newest_daemons(case: Case, built: Built) -> None:
    built.has_the_newest_files(case)


@pytest.mark.parametrize("case", CASES.failing)
def test_failure_is_of_the_same_class(case: Case, built: Built) -> None:
    built.fails_alike(case)


def test_what_differs_is_in_the_docs() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/buildkit.md").read_text().split())
    reasons = {*DIFFERENT.values(), *NEWER_DIFFERENT.values(), *NEWER_IN_CONTAINERD_DIFFERENT.values()}
    assert [reason for reason in reasons if reason not in text] == []
