"""Every definition of the tables, imported and printed, gives what the peer prints (bake/recorded, by record.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bake_cases import Definition, definitions, recordings
from bake_forms import differences, targets

from bake.cli import main

RECORDED = recordings()
CASES = definitions()


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.table}-{case.name}") for case in CASES])
def test_targets_are_the_peers(
    case: Definition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"BAKE_STORE": "store", "XDG_CONFIG_HOME": "c", "DOCKER_CONFIG": "d", **case.env}.items():
        monkeypatch.setenv(name, value)
    case.write(tmp_path)
    code = main(["import", *case.paths, "-o", "bake.toml"])
    notes = capsys.readouterr().err
    peer = RECORDED[case.table][case.name]
    out, err = "", notes
    if code == 0:
        code = main(["print", *case.names])
        out, err = capsys.readouterr()
    found = list(_differences(peer, json.loads(out) if code == 0 else {"error": err}))
    known = [row["at"] for row in case.known]
    assert [each for each in found if each.partition(": ")[0] not in known] == [], notes
    assert sorted({each.partition(": ")[0] for each in found}) == sorted(known)
    assert [row for row in case.known if f": {row['note']}: " not in notes and row["note"]] == []
    assert all(row["reason"] for row in case.known)


def _differences(peer: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    if "error" in peer or "error" in ours:
        both = "error" in peer and "error" in ours
        return [] if both else [f"error: {peer.get('error')} => {ours.get('error')}"]
    return list(differences(targets(peer, peer=True), targets(ours, peer=False)))


def test_every_recording_has_its_case() -> None:
    assert {t: set(rows) for t, rows in RECORDED.items()} == {
        table: {case.name for case in CASES if case.table == table} for table in {case.table for case in CASES}
    }
