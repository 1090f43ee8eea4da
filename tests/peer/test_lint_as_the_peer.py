"""Every Dockerfile of the tables has the findings that the peer's `build --check` has (lint/recorded, by record.py)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from lint_cases import Case, all_cases, facts, own_cases, recordings
from lint_known import KNOWN, Difference, unexplained
from lint_subject import findings

from bake.dockerfile.lint import RULES

BASES = facts()
RECORDED = recordings()
CASES = all_cases()
EACH = 6
"""Cases of its own that a rule has at least, those that it leaves alone among them."""


def differences(case: Case) -> Iterator[Difference]:
    peer, found = RECORDED[case.table][case.name], findings(case, BASES)
    theirs, ours = Counter(tuple(row) for row in peer["found"]), Counter(found.rows)
    for row in (theirs - ours).elements():
        yield Difference(case, found, peer.get("error", ""), row, True)
    for row in (ours - theirs).elements():
        yield Difference(case, found, peer.get("error", ""), row, False)


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.table}-{case.name}") for case in CASES])
def test_findings_are_the_peers(case: Case) -> None:
    assert unexplained(list(differences(case))) == [row["difference"] for row in case.known]
    assert findings(case, BASES).astray == []


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in own_cases()])
def test_an_error_fails_a_build_of_both(case: Case) -> None:
    error = RECORDED[case.table][case.name].get("error", "")
    peer = _rules(error if error.startswith("lint violation") else "")
    assert _rules(findings(case, BASES).violation) == peer


def _rules(message: str) -> set[str]:
    return set(re.findall(r"\w+", message.partition(": ")[2]))


def test_every_known_difference_and_recording_is_used() -> None:
    found = [each for case in CASES for each in differences(case)]
    assert [known.name for known in KNOWN if not any(map(known.holds, found))] == []
    assert {t: set(rows) for t, rows in RECORDED.items()} == {
        table: {case.name for case in CASES if case.table == table} for table in {case.table for case in CASES}
    }
    assert all(row["reason"] for case in own_cases() for row in case.known)


def test_every_rule_of_the_peer_is_found_and_missed() -> None:
    own = [(case, {row[0] for row in RECORDED[case.table][case.name]["found"]}) for case in own_cases()]
    for rule in (rule for rule in RULES.values() if not rule.own):
        assert sum(rule.name in found for _, found in own) >= EACH // 2, rule.name
