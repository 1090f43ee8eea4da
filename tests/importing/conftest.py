"""Imports a text and prints what the written bake.toml resolves to, both through the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bake.cli import main
from bake.oci.platform import parse_platform

HOST = str(parse_platform(f"linux/{os.uname().machine}"))


@dataclass(frozen=True)
class Outcome:
    """`text`: the bake.toml; `notes`: lines of stderr; `print(*names)`: the targets without keys at their default."""

    text: str
    notes: list[str]
    print: Callable[..., dict[str, Any]]
    groups: Callable[..., dict[str, list[str]]]

    @property
    def codes(self) -> list[str]:
        """`LINE code` of each note."""
        return [f"{line.split(':')[1]} {line.split(': ')[1]}" for line in self.notes]


Import = Callable[..., Outcome]


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Import:
    """`bring(text, "docker-bake.hcl")`, or `bring({path: text}, *names)`: no names means `bake import` alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKE_STORE", str(tmp_path / "store"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def resolved(*line: str) -> dict[str, Any]:
        code = main(["print", *line])
        out, err = capsys.readouterr()
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def targets(*line: str) -> dict[str, Any]:
        found: dict[str, Any] = resolved(*line)["target"]
        for target in found.values():
            for key, default in (("context", "."), ("dockerfile", "Dockerfile"), ("platforms", [HOST])):
                if target.get(key) == default:
                    del target[key]
            target.pop("axes", None)
        return found

    def bring(text: str | dict[str, str], *names: str) -> Outcome:
        files = {(names or ("docker-bake.hcl",))[0]: text} if isinstance(text, str) else text
        for name, each in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(each)
        code = main(["import", *(names or (files if isinstance(text, str) else ())), "--force"])
        out, err = capsys.readouterr()
        assert (code, out) == (0, ""), err
        first, *notes = err.splitlines()
        assert first == "wrote bake.toml"
        groups = lambda *line: {name: each["targets"] for name, each in resolved(*line)["group"].items()}  # noqa: E731
        return Outcome(Path("bake.toml").read_text(), notes, targets, groups)

    return bring
