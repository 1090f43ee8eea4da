"""docker-bake.json: the same definitions in JSON, texts being templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Import = Callable[..., Any]

DEFINITION = r"""{
  "//": "made by a tool",
  "variable": {
    "TAG": {"default": "edge", "description": "tag"},
    "LATEST": {"default": false, "type": "bool"}
  },
  "function": {"up": {"params": ["x"], "result": "${upper(x)}"}},
  "group": {"default": {"targets": ["app", "docs"]}},
  "target": {
    "_base": {"args": {"A": "1", "B": null}, "labels": {"x": "$${y} caf\u00e9 \ud83d\ude00"}},
    "app": {
      "//": "the program",
      "inherits": ["_base"],
      "tags": ["example.com/app:${TAG}", "${LATEST ? \"example.com/app:latest\" : \"\"}"],
      "args": {"NAME": "${up(\"abc\")}", "N": 3}
    },
    "docs": [{"context": "docs"}, {"target": "html"}]
  }
}
"""


def test_json(bring: Import) -> None:
    found = bring(DEFINITION, "docker-bake.json")
    assert found.print() == {
        "app": {
            "args": {"A": "1", "N": "3", "NAME": "ABC"},
            "labels": {"x": "${y} café 😀"},
            "tags": ["example.com/app:edge"],
        },
        "docs": {"context": "docs", "target": "html"},
    }
    assert found.codes == ["10 null-value", "14 fixed-value", "17 repeated-block"]
    assert 'TAG = { default = "edge", env = "TAG", help = "tag" }' in found.text


def test_what_the_peer_prints_comes_back(bring: Import) -> None:
    printed = """{"group": {"default": {"targets": ["a"]}},
    "target": {"a": {"context": ".", "dockerfile": "Dockerfile", "args": {"X": "$${Y}"},
    "output": [{"type": "cacheonly"}]}}}"""
    found = bring(printed, "docker-bake.json")
    assert found.print() == {"a": {"args": {"X": "${Y}"}, "output": [{"type": "cacheonly"}]}}
    assert found.notes == []
