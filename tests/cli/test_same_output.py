"""What is written depends on what the files say and on nothing else: not on hashing, not on the day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from spec_samples import WORKSPACES

COMMANDS = (
    ("print", "all"), ("list",), ("list", "--json"), ("graph", "all"), ("graph", "--format", "mermaid", "all"),
    ("graph", "--format", "dot", "all"), ("graph", "--format", "svg", "all"), ("check",), ("check", "--format", "json"),
    ("check", "--format", "sarif"), ("print", "nope", "--set", "*.tags+=x/${NOPE}", "--set", "app.tgas=1"),
    ("matrix", "all"), ("schema",),
)  # fmt: skip
BROKEN = """\
x = 1
[group]
g = ["a", "b", "nope"]
[target.a]
tags = ["x/a", "x/b", "${A}"]
kontext = 1
inherits = ["b"]
[target.b]
tags = ["x/b", "x/a"]
inherits = ["a"]
"""


def outputs(directory: Path, seed: int) -> list[tuple[int, bytes, bytes]]:
    """Of all commands, in one process with that hash seed."""
    code = (
        "import io, json, sys; from contextlib import redirect_stderr, redirect_stdout; from bake.cli import main\n"
        "def run(argv):\n"
        "    out, err = io.StringIO(), io.StringIO()\n"
        "    with redirect_stdout(out), redirect_stderr(err): code = main(argv)\n"
        "    return code, out.getvalue(), err.getvalue()\n"
        "print(json.dumps([run(argv) for argv in json.loads(sys.argv[1])]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "NO_COLOR": "1", "XDG_CONFIG_HOME": "/nonexistent"}
    argv = [sys.executable, "-c", code, json.dumps(COMMANDS)]
    ran = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, check=True)
    return [tuple(row) for row in json.loads(ran.stdout)]


@pytest.mark.parametrize("files", [*WORKSPACES[:3], {"bake.toml": BROKEN}], ids=["keys", "matrix", "files", "broken"])
def test_the_same_under_any_hash_seed(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    first = outputs(tmp_path, 0)
    assert {code for code, _, _ in first} <= {0, 2}
    for seed in (1, 2, 12345):
        assert outputs(tmp_path, seed) == first
    sarif = json.loads(first[9][1])
    jsonschema.validate(sarif, SARIF)
    if first[6][0] == 0:
        assert ElementTree.fromstring(first[6][1]).tag == "{http://www.w3.org/2000/svg}svg"


_REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "properties": {
        name: {"type": "integer", "minimum": 1} for name in ("startLine", "startColumn", "endLine", "endColumn")
    },
    "additionalProperties": False,
}
_MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LOCATION: dict[str, Any] = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": _MESSAGE,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"type": "string", "pattern": r"^[A-Za-z0-9/._~:%+-]+$"}},
                },
                "region": _REGION,
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "informationUri": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {"type": "object", "required": ["id"]},
                                    },
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "level"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": _MESSAGE,
                                "locations": {"type": "array", "items": _LOCATION},
                                "relatedLocations": {"type": "array", "uniqueItems": True, "items": _LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The part of SARIF 2.1.0 (OASIS) that bake writes, as the standard's own schema has it, with nothing else allowed."""


def test_every_error_at_once_with_the_second_place(tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_text(BROKEN)
    found = {(row["ruleId"], len(row.get("relatedLocations", ()))) for row in _results(tmp_path)}
    assert {code for code, _ in found} >= {"unknown-key", "inheritance-cycle", "unknown-target"}


TWICE = """\
[target.a]
{0}
[target.b]
{0}
"""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TWICE.format('tags = ["x/a"]'), "duplicate-tag"),
        (TWICE.format('cache-to = ["x/a"]'), "duplicate-cache"),
        (TWICE.format('cache-to = ["type=local,dest=x"]'), "duplicate-cache"),
        (TWICE.format('cache-to = ["type=gha,scope=x"]'), "duplicate-cache"),
        (TWICE.format('output = ["type=oci,dest=x.tar"]'), "duplicate-output"),
        ("[group]\ng = []\n[target.g]\n", "duplicate-name"),
        ("[group]\ng = []\ng = []\n", "duplicate-key"),
        ("[target.a]\n[target.a]\n", "duplicate-key"),
        ("[target.a]\nmatrix.x = ['1']\n[target.a-1]\n", "matrix-name-collision"),
        ("[target.a]\nmatrix.x = ['1', '2']\nname = 'n'\n", "matrix-name-collision"),
    ],
)
def test_collisions_show_both_places(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "bake.toml").write_text(text)
    (row,) = [row for row in _results(tmp_path) if row["ruleId"] == code]
    places = [each["physicalLocation"]["region"]["startLine"] for each in (*row["locations"], *row["relatedLocations"])]
    assert len(places) == 2


def test_files_collide_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "bake.toml").write_text('include = ["x.toml"]\n[group]\ng = []\n')
    (tmp_path / "x.toml").write_text("[target.g]\n[target.other]\n")
    (row,) = [row for row in _results(tmp_path) if row["ruleId"] == "duplicate-name"]
    places = (*row["locations"], *row["relatedLocations"])
    assert sorted(each["physicalLocation"]["artifactLocation"]["uri"] for each in places) == ["bake.toml", "x.toml"]


def _results(directory: Path) -> list[dict[str, Any]]:
    argv = [sys.executable, "-m", "bake", "check", "--format", "sarif"]
    ran = subprocess.run(argv, cwd=directory, capture_output=True, check=False)
    assert ran.returncode == 2
    data = json.loads(ran.stdout)
    jsonschema.validate(data, SARIF)
    found: list[dict[str, Any]] = data["runs"][0]["results"]
    return found
