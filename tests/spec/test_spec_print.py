"""What commands and editors get: `print`, `list`, the JSON schema, the documentation's tables."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bake.spec import docs
from bake.spec.keys import ALL_TARGET_KEYS, FIELD_KEYS, TARGET_KEYS, VARIABLE_KEYS
from bake.spec.listing import GroupRow, TargetRow, VariableRow, listing
from bake.spec.print import to_print
from bake.spec.resolve import Resolved
from bake.spec.schema import json_schema, schema_text
from bake.spec.target import Target
from bake.spec.workspace import spec_of

REPOSITORY = Path(__file__).parents[2]

TEXT = """
[variable]
TOKEN = { env = "TOKEN", sensitive = true, help = "to log in" }
URL = "https://${TOKEN}@host"
NEED = { required = true }
[group]
default = ["web"]
web = { targets = ["main", "b"], description = "all of the web" }
[target._p]
[target.b]
description = "a base"
tags = ["x/b"]
[target.main]
matrix.v = ["2", "1"]
args = { URL = "${URL}", UP = "${TOKEN | upper}", Z = "1", A = "2" }
contexts.b = "target:b"
cache-from = ["type=gha,token=tttt"]
"""


def test_print(baked: Callable[..., Resolved]) -> None:
    resolved = baked(TEXT, environment={"TOKEN": "geheim"})
    main = {
        "args": {"A": "2", "UP": "****", "URL": "https://****@host", "Z": "1"},
        "axes": {"v": "1"},
        "cache-from": [{"token": "****", "type": "gha"}],
        "context": ".",
        "contexts": {"b": "target:b"},
        "dockerfile": "Dockerfile",
        "platforms": ["linux/amd64"],
    }
    base = {
        "context": ".",
        "description": "a base",
        "dockerfile": "Dockerfile",
        "platforms": ["linux/amd64"],
        "tags": ["x/b"],
    }
    printed = to_print(resolved)
    assert printed == {
        "version": 1,
        "group": {"default": {"targets": ["main-2", "main-1", "b"]}, "web": {"targets": ["main-2", "main-1", "b"]}},
        "target": {"b": base, "main-1": main, "main-2": {**main, "axes": {"v": "2"}}},
    }
    assert "geheim" not in json.dumps(printed).lower()
    assert list(printed["target"]) == ["b", "main-1", "main-2"]
    assert list(printed["target"]["main-1"]) == sorted(main)


def test_print_of_one_target(baked: Callable[..., Resolved]) -> None:
    printed = to_print(baked(TEXT, "main-1"))
    assert list(printed["target"]) == ["b", "main-1"]
    assert printed["group"] == {"default": {"targets": ["main-1"]}}


def test_list(baked: Callable[..., Resolved]) -> None:
    found = listing(baked(TEXT, "b", environment={"TOKEN": "geheim"}))
    assert found.targets == (
        TargetRow("b", "b", {}, "a base"),
        TargetRow("main-2", "main", {"v": "2"}, ""),
        TargetRow("main-1", "main", {"v": "1"}, ""),
    )
    assert found.groups == (GroupRow("default", ("web",), ""), GroupRow("web", ("main", "b"), "all of the web"))
    assert found.variables == (
        VariableRow("TOKEN", "****", "env TOKEN", "TOKEN", False, True, "to log in", "bake.toml"),
        VariableRow("URL", "https://****@host", "default", "", False, False, "", "bake.toml"),
        VariableRow("NEED", None, "", "", True, False, "", "bake.toml"),
    )


def test_every_key_is_a_field_and_every_field_a_key() -> None:
    fields = {field.name for field in dataclasses.fields(Target)}
    own = {"name", "root", "base_name", "axes", "spans", "sensitive"}
    assert fields - own == {key.field_name for key in FIELD_KEYS.values()}


def test_every_row_is_told_and_its_example_is_right() -> None:
    for name, key in TARGET_KEYS.items():
        assert key.help.endswith(".") and key.example, name
        extra = "" if name not in ("name", "include", "exclude") else "\nmatrix = { python = [1], distro = [1] }"
        spec = spec_of(
            f"[target.t]\n{key.example}{extra}\n[target.lint]\n[target._web]\n[target._python]\n[target.base]"
        )
        assert spec.findings == (), name
    for name, key in VARIABLE_KEYS.items():
        assert spec_of(f"[variable.V]\n{key.example}").findings == (), name


def test_documentation_tables() -> None:
    table = docs.docs_table()
    assert all(f"| `{name}` |" in table for name in TARGET_KEYS)
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}
    assert "`sensitive`" in docs.variables_table() and "`profile`" in docs.top_table()
    assert "appends" in (docs.explain_key("extend-tags") or "")
    assert docs.explain_key("nope") is None


def test_the_committed_schema_is_current() -> None:
    """Made by `python -m bake.spec.schema > schemas/bake.schema.json`."""
    assert (REPOSITORY / "schemas/bake.schema.json").read_text() == schema_text()


@pytest.fixture(scope="module")
def schema() -> Any:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def test_the_schema_knows_every_key(schema: Any) -> None:
    properties = json_schema()["$defs"]["target"]["properties"]
    assert list(properties) == list(ALL_TARGET_KEYS)
    assert all("description" in each for each in properties.values())
    for key in TARGET_KEYS.values():
        schema.validate(tomllib.loads(f"[target.t]\n{key.example}"))


GOOD = [
    TEXT,
    (REPOSITORY / "bake.toml").read_text() if (REPOSITORY / "bake.toml").exists() else "",
    "[target.t]\nannotations = ['a=b']\nulimits = ['nofile=1:2', { name = 'core', soft = -1 }]\nno-cache = '${X}'",
    "[target.t]\noutput = ['./x', { type = 'image', 'annotation.a' = 'b' }]\nshm-size = '1.5g'\ntimeout = 3",
    "variable.V = 2\n[defaults]\npush = 'auto'\n[profile.p.defaults]\npush = true\n[profile.p.variable]\nV = 1",
    "[target.b]\n[target.'.:b']\nextend-tags = ['x']\nresources = { memory = -1 }",
]
BAD = [
    "targets = 1",
    "[target.t]\ntag = []",
    "[target.t]\ntags = 'x'",
    "[target.'a b']",
    "[target.t]\nno-cache = 'true'",
    "[target.t]\noutput = [{ typ = 'oci' }]",
    "[target.t]\noutput = [{ type = 'ocj' }]",
    "[target.t]\nsecret = [{ src = 'x' }]",
    "[target.t]\nshm-size = '64q'",
    "[target.t]\nmatrix = { a = [] }",
    "[target.t]\ntest = ['a', 'b']",
    "[target.t]\nextend-args = {}",
    "[target.t]\nresources = { mem = 1 }",
    "[variable]\na-b = 1",
    "[variable.V]\ndefalt = 1",
    "[group]\ng = {}",
    "[profile.p]\ntargets = {}",
    "include = 'x'",
]


@pytest.mark.parametrize("text", GOOD)
def test_the_schema_accepts_what_is_right(schema: Any, text: str) -> None:
    schema.validate(tomllib.loads(text))
    assert spec_of(text).findings == ()


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_bake_refuses(schema: Any, text: str) -> None:
    assert not schema.is_valid(tomllib.loads(text))
    assert spec_of(text).findings
