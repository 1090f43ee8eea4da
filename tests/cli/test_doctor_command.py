"""`bake doctor` on this host, and on hosts that lack something."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]
PASSWORD = "hush-" + "77c1"


def examined(line: Call) -> tuple[int, dict[str, Any]]:
    code, out, err = line("doctor --json")
    assert err == "" and PASSWORD not in out
    return code, json.loads(out)


def check(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [check for check in found["checks"] if check["name"] == name]
    return dict(one)


def test_settings_and_where_they_come_from(line: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "home/.config/bake/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('jobs = 3\nsandbox = "bubblewrap"\n[registries."r.example"]\ninsecure = true\n')
    monkeypatch.setenv("BAKE_SANDBOX", "runc")
    code, found = examined(line)
    assert code == 0, "the tests of the engine need the same"
    values = {row["name"]: (row["value"], row["origin"]) for row in found["settings"]}
    assert values["store"] == ("TMP/store", "BAKE_STORE")
    assert values["jobs"] == ("3", "TMP/home/.config/bake/config.toml")
    assert values["sandbox"] == ("runc", "BAKE_SANDBOX")
    assert values["engine"] == ("embedded", "default")
    assert json.loads(values["registries"][0])["r.example"]["insecure"] is True
    assert check(found, "sandbox")["found"] == "runc"


def test_a_host_that_can_build(line: Call) -> None:
    code, out, err = line("doctor")
    assert (code, err, out.splitlines()[-1]) == (0, "", "this host can build")
    rows = {row.split(":")[0].split()[-1]: row.split()[0] for row in out.splitlines() if row.startswith(("ok", "note"))}
    assert {name: rows[name] for name in ("python", "sandbox", "overlay", "store")} == dict.fromkeys(
        ("python", "sandbox", "overlay", "store"), "ok"
    )
    assert line("cache du --json")[1].count('"tmp"') == 0, "the trials leave nothing"


def test_without_namespaces_run_is_impossible(line: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, found = examined(line)
    assert (code, found["can_run"]) == (4, False)
    namespaces = check(found, "namespaces")
    assert (namespaces["status"], namespaces["found"]) == ("missing", "none")
    assert "install the package util-linux" in namespaces["advice"]
    assert check(found, "git")["status"] == "warning"
    assert line("doctor")[1].splitlines()[-1] == "this host cannot run RUN steps: namespaces"


def test_an_unknown_sandbox_is_missing(line: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKE_SANDBOX", "gvisor")
    code, found = examined(line)
    assert (code, check(found, "sandbox")["status"]) == (4, "missing")
    assert check(found, "sandbox")["advice"] == "one of crun, runc, bubblewrap"
    assert check(found, "overlay")["status"] == "ok"


def test_a_store_that_cannot_be(line: Call, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    code, found = examined(line)
    assert (code, check(found, "store")["status"]) == (4, "missing")
    assert check(found, "store")["advice"]


def test_wrong_settings(line: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKE_JOBS", "many")
    code, out, err = line("doctor")
    assert (code, out) == (2, "") and err.startswith("error[bad-setting]")


def test_logins_are_named_and_never_shown(line: Call, tmp_path: Path) -> None:
    docker = tmp_path / "home/.docker/config.json"
    docker.parent.mkdir(parents=True)
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    docker.write_text(
        json.dumps(
            {
                "auths": {"r.example": {"auth": auth}, "kept.example": {}},
                "credHelpers": {"cloud.example": "cloud"},
                "credsStore": "secretservice",
            }
        )
    )
    podman = tmp_path / "home/.config/containers/auth.json"
    podman.parent.mkdir(parents=True)
    podman.write_text("no json " + PASSWORD)
    code, found = examined(line)
    first, second = found["logins"]
    assert code == 0
    assert first["registries"] == {
        "r.example": "this file",
        "kept.example": "docker-credential-secretservice",
        "cloud.example": "docker-credential-cloud",
        "all others": "docker-credential-secretservice",
    }
    assert first["problem"].split(", ") == [
        "docker-credential-cloud is not on PATH",
        "docker-credential-secretservice is not on PATH",
    ]
    assert second["registries"] == {} and "is not a valid credentials file" in second["problem"]
    out = line("doctor")[1]
    assert PASSWORD not in out and auth not in out
    assert "logins in TMP/home/.docker/config.json\n  r.example: this file\n" in out
