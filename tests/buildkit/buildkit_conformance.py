"""The differential cases built through our client on a real daemon, in one run; and what they are held to.

KINDS is the table of the daemons: each has all cases but those known to differ on it, or a sample of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import Daemon
from buildkit_known import DIFFERENT, NEWER_DIFFERENT, NEWER_IN_CONTAINERD_DIFFERENT
from diff_cases import Case
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_known import allowed, unexplained
from diff_recordings import Recordings
from diff_subject import Subject, write_cases

from bake.app.options import Options

JUDGE, NEWEST = Recordings("20.10"), Recordings("28.5")
BEYOND = ("newer",)
"""The tables of what 20.10's own front end does not know, but its builder can do for ours."""


class Cases:
    """All but those that are `different` on a kind of daemon; `every`: one in so many of them."""

    def __init__(self, different: Mapping[str, str], every: int = 1) -> None:
        asked = [*JUDGE.cases(), *(case for case in NEWEST.cases() if case.table in BEYOND)]
        self.all = [case for case in asked if case.name not in different][::every]
        self.images = [case for case in self.all if not case.fails]
        self.recorded = [case for case in self.images if case.table not in BEYOND]
        self.beyond = [case for case in self.images if case.table in BEYOND]
        self.failing = [case for case in self.all if case.fails]


KINDS: Mapping[str, Cases] = {
    "daemon": Cases(DIFFERENT),
    "graph_daemon": Cases(NEWER_DIFFERENT),
    "newer_daemon": Cases(NEWER_IN_CONTAINERD_DIFFERENT, every=7),
}
"""Fixture of a daemon → its cases."""


def rows(choose: Callable[[Cases], Iterable[Case]]) -> list[Any]:
    """Parameters: the fixture of a daemon, and a case for it."""
    return [
        pytest.param(kind, case, id=f"{kind}-{case.name}") for kind, cases in KINDS.items() for case in choose(cases)
    ]


class RemoteSubject(Subject):
    """As Subject, on a builder."""

    address = ""

    def options(self, *names: str) -> Options:
        return replace(super().options(*names), engine="buildkit", builders=(self.address,), fetch=True)


class Built:
    """The images of all cases, made when this is; those that must fail are built one by one."""

    def __init__(self, cases: Cases, directory: Path, daemon: Daemon) -> None:
        (directory / "project").mkdir()
        write_cases(directory / "project", cases.all)
        self._subject = RemoteSubject(directory / "project", directory / "store")
        self._subject.address = daemon.address
        refused = self._subject.build_all(cases.images)
        found = self._subject.read(case for case in cases.images if case.name not in refused)
        failed = {case.name: {"error": f"not built: {self._subject.said}"} for case in cases.images}
        self._images = failed | found | {name: {"error": text} for name, text in refused.items()}

    def is_as_recorded(self, case: Case) -> None:
        found = differences(JUDGE.result(case), self._images[case.name])
        assert unexplained("20.10", found) in ([], allowed("20.10", case))

    def has_the_newest_files(self, case: Case) -> None:
        """What an old builder does with directories, their times and those of mounts, is its own."""
        newest, found = NEWEST.result(case), self._images[case.name]
        assert "error" not in found, found["error"]
        parts = (_files(found), found["config"], found["history"])
        assert parts == (_files(newest), newest["config"], newest["history"])

    def fails_alike(self, case: Case) -> None:
        self._subject.write_spec([case])
        codes = [diagnostic.code for error in self._subject.build(case.name) for diagnostic in error.diagnostics]
        judge, found = judge_class(JUDGE.result(case).get("error", "built")), bake_class(codes)
        assert ([] if judge == found != "built" else [f"error: {judge} => {found}"]) in ([], allowed("20.10", case))


def _files(result: Mapping[str, Any]) -> dict[str, str]:
    return {path: row for path, row in result["tree"].items() if not row.startswith("d ")}
