"""Several files as the peer puts them together, and what compose files name: `include`, `extends`, `.env` and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bake.cli import main

Import = Callable[..., Any]

BASE = """
variable "TAG" { default = "dev" }
group "default" { targets = ["app"] }
target "app" {
  tags = ["example.com/app:${TAG}"]
  args = { A = "1", B = "1" }
  cache-from = ["type=local,src=a"]
}
target "db" { context = "db" }
"""
OVERRIDE = """
variable "TAG" { default = "release" }
group "default" { targets = ["app", "db"] }
target "app" {
  platforms = ["linux/amd64"]
  args = { B = "2", C = "3" }
  cache-from = ["type=local,src=b"]
}
"""
APP = {
    "args": {"A": "1", "B": "2", "C": "3"},
    "cache-from": [{"type": "local", "src": "a"}, {"type": "local", "src": "b"}],
    "tags": ["example.com/app:release"],
}


def printed(found: dict[str, Any]) -> dict[str, Any]:
    """Without `platforms`, which depends on the host where it is the default."""
    return {name: {key: value for key, value in each.items() if key != "platforms"} for name, each in found.items()}


@pytest.mark.parametrize("names", [("a.hcl", "b.hcl"), ()])
def test_a_later_file_overrides(bring: Import, names: tuple[str, ...]) -> None:
    """Named, or found by the names that the peer looks for."""
    files = dict(zip(names or ("docker-bake.hcl", "docker-bake.override.hcl"), (BASE, OVERRIDE), strict=True))
    found = bring(files, *names)
    assert printed(found.print()) == {"app": APP, "db": {"context": "db"}}
    assert found.notes == []
    assert found.groups()["default"] == ["app", "db"]


def test_the_order_of_the_files_counts(bring: Import) -> None:
    found = bring({"a.hcl": OVERRIDE, "b.hcl": BASE}, "a.hcl", "b.hcl")
    assert found.print()["app"]["args"] == {"A": "1", "B": "1", "C": "3"}
    assert found.print()["app"]["tags"] == ["example.com/app:dev"]
    assert list(found.print()) == ["app"]


def test_hcl_and_json_come_over_compose_whatever_the_order(bring: Import) -> None:
    compose = """
services:
  web: {image: "example.com/web", build: {context: web, args: {A: 1, B: 1}, labels: {x: y}}}
  api: {build: ./api}
"""
    json = '{"target": {"web": {"args": {"B": "2"}, "inherits": ["meta"]}, "meta": {"labels": {"m": "n"}}}}'
    found = bring(
        {"m.json": json, "compose.yaml": compose, "d.hcl": 'group "default" { targets = ["web"] }'},
        "m.json", "d.hcl", "compose.yaml",
    )  # fmt: skip
    assert found.print() == {
        "web": {
            "context": "web",
            "args": {"A": "1", "B": "2"},
            "labels": {"m": "n", "x": "y"},
            "tags": ["example.com/web"],
        },
    }
    assert found.print("api") == {"api": {"context": "./api"}}


def test_places_are_those_of_each_file(bring: Import) -> None:
    found = bring({"a.hcl": 'target "a" {}\n', "b.hcl": '# b\ntarget "b" {\n  platform = []\n}\n'}, "a.hcl", "b.hcl")
    assert [note.partition(": ")[0] for note in found.notes] == ["b.hcl:3:3"]


def test_errors_name_the_file(bring: Import, capsys: pytest.CaptureFixture[str]) -> None:
    bring({"a.hcl": 'target "a" {}\n', "b.hcl": 'target "b" {}'}, "a.hcl", "b.hcl")
    with open("b.hcl", "w") as stream:
        stream.write('x = 1\ntarget "b" {\n  tags = [x\n}\n')
    assert main(["import", "a.hcl", "b.hcl", "--force"]) == 2
    assert "--> b.hcl:4:1" in capsys.readouterr().err
    with open("b.json", "w") as stream:
        stream.write('{"target": \n {"b": }}')
    assert main(["import", "a.hcl", "b.json", "--force"]) == 2
    assert "--> b.json:2:8" in capsys.readouterr().err
    with open("b.yaml", "w") as stream:
        stream.write("services:\n  x: {build: [a}\n")
    assert main(["import", "a.hcl", "b.yaml", "--force"]) == 2
    assert "--> b.yaml:2:16" in capsys.readouterr().err


def test_nothing_to_import_here(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["import"]) == 2
    assert "there is no docker-bake or compose file here" in capsys.readouterr().err


def test_compose_files_are_one_project(bring: Import) -> None:
    files = {
        "compose.yaml": """
services:
  web:
    image: example.com/web
    build: {context: web, args: [A=1, B=1], tags: [example.com/web:1], cache_from: [example.com/c]}
    environment: [A=1]
  gone: {build: gone}
""",
        "docker-compose.yaml": """
services:
  web:
    build:
      args: {B: 2}
      tags: [example.com/web:2]
      cache_from: !override [example.com/d]
  gone: !reset null
  db: {build: db}
""",
    }
    found = bring(files, "compose.yaml", "docker-compose.yaml")
    assert found.print() == {
        "web": {
            "context": "web",
            "args": {"A": "1", "B": "2"},
            "tags": ["example.com/web:1", "example.com/web:2"],
            "cache-from": [{"type": "registry", "ref": "example.com/d"}],
        },
        "db": {"context": "db"},
    }
    assert found.groups()["default"] == ["web", "db"]


def test_includes_and_extended_files_keep_their_paths(bring: Import) -> None:
    files = {
        "compose.yaml": """
include:
  - lib/compose.yaml
  - path: [other/a.yaml, other/b.yaml]
    project_directory: other/root
services:
  web:
    extends: {file: common/base.yaml, service: base}
    build: {target: run}
  late: {extends: tool}
  nothing: {extends: {file: nowhere.yaml, service: x}, build: .}
""",
        "lib/compose.yaml": """
include: [deep/compose.yaml]
services:
  tool:
    build: {context: tool, additional_contexts: {src: ../src, img: docker-image://alpine}, secrets: [key]}
secrets:
  key: {file: key.txt}
""",
        "lib/deep/compose.yaml": "services:\n  deep: {build: .}\n",
        "other/a.yaml": "services:\n  one: {build: {context: one, args: {X: 1}}}\n",
        "other/b.yaml": "services:\n  one: {build: {args: {X: 2}}}\n",
        "common/base.yaml": """
services:
  base:
    extends: more
    build: {args: {A: 1}, dockerfile: base.Dockerfile}
  more:
    build: {context: src, args: {A: 0, B: 0}}
""",
    }
    found = bring(files, "compose.yaml")
    tool = {
        "context": "lib/tool",
        "contexts": {"src": "src", "img": "docker-image://alpine"},
        "secret": [{"id": "key", "src": "lib/key.txt"}],
    }
    assert found.print("all") == {
        "deep": {"context": "lib/deep"},
        "tool": tool,
        "one": {"context": "other/root/one", "args": {"X": "2"}},
        "web": {
            "context": "common/src", "args": {"A": "1", "B": "0"}, "dockerfile": "base.Dockerfile", "target": "run",
        },
        "late": tool,
        "nothing": {},
    }  # fmt: skip
    assert found.codes == ["11 missing-file"]


def test_dotenv_and_env_file(bring: Import) -> None:
    files = {
        ".env": "# who\nREGISTRY=example.com\nexport NAME='a b'\nMULTI=\"x\\ny\" # two\n"
        "BOTH=${REGISTRY}/b # c\nUNUSED=1\n",
        "app.env": "FROM_FILE=file\nOVER=file\nBARE\n",
        "compose.yaml": """
services:
  web:
    image: ${REGISTRY}/web:${TAG:-1}
    env_file: [app.env, {path: not.env, required: false}]
    environment: {OVER: environment}
    build:
      args:
        FROM_FILE:
        OVER:
        NAME:
        M: ${MULTI}
        B: $BOTH
""",
    }
    found = bring(files, "compose.yaml")
    assert found.print() == {
        "web": {
            "args": {
                "FROM_FILE": "file",
                "OVER": "environment",
                "NAME": "a b",
                "M": "x\ny",
                "B": "example.com/b",
            },
            "tags": ["example.com/web:1"],
        }
    }
    assert found.print("--var", "REGISTRY=localhost:5000")["web"]["tags"] == ["localhost:5000/web:1"]
    assert 'REGISTRY = { default = "example.com", env = "REGISTRY" }' in found.text
    assert "UNUSED" not in found.text


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"compose.yaml": "include: [compose.yaml]\nservices: {}\n"}, "leads to a circle"),
        ({"compose.yaml": "include: [{env_file: x}]\nservices: {}\n"}, "needs a `path`"),
        (
            {
                "compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: b}}\n",
                "b.yaml": "services:\n  b: {extends: {file: compose.yaml, service: a}}\n",
            },
            "leads to a circle",
        ),
        (
            {"compose.yaml": "services:\n  a: {extends: {file: b.yaml, service: c}}\n", "b.yaml": "services: {}\n"},
            "extends `c`, which is not there",
        ),
    ],
)
def test_circles_and_gaps(
    bring: Import, capsys: pytest.CaptureFixture[str], files: dict[str, str], message: str
) -> None:
    bring({**files, "fine.hcl": 'target "a" {}'}, "fine.hcl")
    assert main(["import", "compose.yaml", "--force"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert ".yaml:" in err.partition("-->")[2]
