"""The differential cases built through our client on a real daemon, in one run; and what they are held to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from buildkit_daemon import Daemon
from diff_cases import CASES, Case, all_cases
from diff_errors import bake_class, judge_class
from diff_images import differences
from diff_known import allowed, unexplained
from diff_subject import Subject, write_cases

from bake.app.options import Options

_FAILING = "errors"


class Cases:
    """All but those that are `different` on a kind of daemon; `every`: one in so many of them."""

    def __init__(self, different: Mapping[str, str], every: int = 1) -> None:
        self.all = [case for case in all_cases() if case.name not in different][::every]
        self.images = [case for case in self.all if case.table != _FAILING]
        self.recorded = named(case for case in self.images if not case.reference)
        self.referred = named(case for case in self.images if case.reference)
        self.failing = named(case for case in self.all if case.table == _FAILING)


def named(cases: Any) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in cases]


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
        if (
            self._subject.said
        ):  # 20.10 now and then fails one of hundreds of solves at once; what stays wrong fails again
            print(self._subject.said)
            refused = self._subject.build_all(cases.images)
        found = self._subject.read([case.name for case in cases.images if case.name not in refused])
        failed = {case.name: {"error": f"not built: {self._subject.said}"} for case in cases.images}
        self._images = failed | found | {name: {"error": text} for name, text in refused.items()}

    def is_the_daemons_own(self, case: Case) -> None:
        found = differences(_recorded(case.table)[case.name], self._images[case.name])
        assert unexplained(found) in ([], allowed(case))

    def is_as_the_reference_says(self, case: Case) -> None:
        found = self._images[case.name]
        assert "error" not in found, found["error"]
        for part, wanted in case.expect.items():
            have = {key: found[part].get(key, "gone") for key in wanted} if isinstance(wanted, dict) else found[part]
            assert have == wanted

    def fails_alike(self, case: Case) -> None:
        self._subject.write_spec([case])
        codes = [diagnostic.code for error in self._subject.build(case.name) for diagnostic in error.diagnostics]
        if case.reference:
            assert codes[:1] == [case.expect["error"]]
            return
        judge = judge_class(_recorded(case.table)[case.name].get("error", "built"))
        found = bake_class(codes[0]) if codes else "built"
        assert ([] if judge == found != "built" else [f"error: {judge} => {found}"]) in ([], allowed(case))


@cache
def _recorded(table: str) -> Mapping[str, Any]:
    path = CASES / f"{table}.json"
    return json.loads(path.read_text()) if path.is_file() else {}
