"""The differential cases on the newer daemon: all with its images in graph drivers, a sample with them in containerd.

They agree with the recordings but for what those of 20.10 are known to be too old for.
"""

from __future__ import annotations

import pytest
from buildkit_conformance import Built, Cases
from buildkit_daemon import Daemon
from buildkit_known import NEWER_DIFFERENT, NEWER_IN_CONTAINERD_DIFFERENT
from diff_cases import Case

CASES = Cases(NEWER_DIFFERENT)
SAMPLE = Cases(NEWER_IN_CONTAINERD_DIFFERENT, every=7)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, graph_daemon: Daemon) -> Built:
    return Built(CASES, tmp_path_factory.mktemp("conformance"), graph_daemon)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, newer_daemon: Daemon) -> Built:
    return Built(SAMPLE, tmp_path_factory.mktemp("sample"), newer_daemon)


@pytest.mark.parametrize("case", CASES.recorded)
def test_image_is_as_recorded(case: Case, built: Built) -> None:
    built.is_the_daemons_own(case)


@pytest.mark.parametrize("case", CASES.beyond)
def test_files_are_the_newest_daemons(case: Case, built: Built) -> None:
    built.has_the_newest_files(case)


@pytest.mark.parametrize("case", CASES.failing)
def test_failure_is_of_the_same_class(case: Case, built: Built) -> None:
    built.fails_alike(case)


@pytest.mark.parametrize("case", SAMPLE.recorded)
def test_image_in_containerd_is_as_recorded(case: Case, sampled: Built) -> None:
    sampled.is_the_daemons_own(case)


@pytest.mark.parametrize("case", SAMPLE.beyond)
def test_files_in_containerd_are_the_newest_daemons(case: Case, sampled: Built) -> None:
    sampled.has_the_newest_files(case)


@pytest.mark.parametrize("case", SAMPLE.failing)
def test_failure_in_containerd_is_of_the_same_class(case: Case, sampled: Built) -> None:
    sampled.fails_alike(case)
