"""The differential cases built through our client on each kind of daemon agree with what real daemons made of them.

On the old one those are its own front end's; the newer ones agree but for what 20.10 is known to be too old for.
Files, config and history of the results are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from buildkit_conformance import KINDS, Built, rows
from buildkit_known import DIFFERENT, NEWER_DIFFERENT, NEWER_IN_CONTAINERD_DIFFERENT
from diff_cases import Case

Build = Callable[[str], Built]


@pytest.fixture(scope="module")
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Gives what a kind of daemon made of its cases, in one run when first asked for."""

    @cache
    def build(kind: str) -> Built:
        return Built(KINDS[kind], tmp_path_factory.mktemp(kind), request.getfixturevalue(kind))

    return build


@pytest.mark.parametrize(("kind", "case"), rows(lambda cases: cases.recorded))
def test_image_is_as_recorded(kind: str, case: Case, build: Build) -> None:
    build(kind).is_as_recorded(case)


@pytest.mark.parametrize(("kind", "case"), rows(lambda cases: cases.beyond))
def test_files_are_the_newest_daemons(kind: str, case: Case, build: Build) -> None:
    build(kind).has_the_newest_files(case)


@pytest.mark.parametrize(("kind", "case"), rows(lambda cases: cases.failing))
def test_failure_is_of_the_same_class(kind: str, case: Case, build: Build) -> None:
    build(kind).fails_alike(case)


def test_what_differs_is_in_the_docs() -> None:
    text = " ".join((Path(__file__).parents[2] / "docs/buildkit.md").read_text().split())
    reasons = {*DIFFERENT.values(), *NEWER_DIFFERENT.values(), *NEWER_IN_CONTAINERD_DIFFERENT.values()}
    assert [reason for reason in reasons if reason not in text] == []
