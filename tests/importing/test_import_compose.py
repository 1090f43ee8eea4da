"""compose.yaml: the `build` of each service, as reference/buildx-bake.md §3.7 maps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Import = Callable[..., Any]

SHOP = """
name: shop
x-args: &args
  MODE: release
  DEBUG: false
services:
  # the shop itself
  web.front:
    image: ${REGISTRY:-localhost:5000}/web:${TAG:-1}
    depends_on: [base]
    ports: ["80:80"]
    environment: [COLOUR=red]
    build:
      context: ./web
      dockerfile: docker/Dockerfile
      target: run
      args:
        <<: *args
        VERSION: 1.10
        COLOUR:
      labels: ["a.b=c", "d"]
      additional_contexts:
        base: service:base
        data: ./data
      secrets:
        - token
        - source: key
          target: /key
        - vault
      ssh: {default: , git: ./id}
      ulimits:
        nofile: {soft: 10, hard: 20}
        nproc: 5
      extra_hosts: ["mirror:10.0.0.1", "six=[::1]"]
      shm_size: 64m
      network: none
      no_cache: true
      pull: false
      cache_from: ["type=registry,ref=localhost:5000/cache"]
      privileged: true
  base:
    build:
      dockerfile_inline: |
        FROM scratch
        COPY . /
      tags: [localhost:5000/base:1]
      x-bake:
        tags: localhost:5000/base:2 localhost:5000/base:3
        platforms: [linux/amd64, linux/arm64]
        output: type=cacheonly
        no-cache-filter: a
        args: {X: 1}
    image: dropped
    platform: linux/arm64
  db:
    image: postgres:16
secrets:
  token: {environment: SHOP_TOKEN}
  key: {file: ./key.txt}
  vault: {external: true}
"""


def test_a_shop(bring: Import) -> None:
    found = bring(SHOP, "compose.yaml")
    printed = found.print()
    assert printed["web_front"] == {
        "context": "./web",
        "dockerfile": "docker/Dockerfile",
        "target": "run",
        "args": {"COLOUR": "red", "DEBUG": "false", "MODE": "release", "VERSION": "1.1"},
        "labels": {"a.b": "c", "d": ""},
        "contexts": {"base": "target:base", "data": "./data"},
        "secret": [{"env": "SHOP_TOKEN", "id": "token"}, {"id": "key", "src": "./key.txt"}],
        "ssh": [{"id": "default"}, {"id": "git", "paths": ["./id"]}],
        "ulimits": ["nofile=10:20", "nproc=5"],
        "extra-hosts": {"mirror": "10.0.0.1", "six": "::1"},
        "shm-size": 64 * 1024 * 1024,
        "network": "none",
        "no-cache": True,
        "cache-from": [{"ref": "localhost:5000/cache", "type": "registry"}],
        "tags": ["localhost:5000/web:1"],
    }
    assert printed["base"] == {
        "dockerfile-inline": "FROM scratch\nCOPY . /\n",
        "tags": [f"localhost:5000/base:{number}" for number in (1, 2, 3)],
        "platforms": ["linux/amd64", "linux/arm64"],
        "output": [{"type": "cacheonly"}],
        "no-cache-filter": ["a"],
    }
    assert found.groups()["default"] == ["web_front", "base"]
    assert found.print("web_front", "--var", "TAG=7")["web_front"]["tags"] == ["localhost:5000/web:7"]
    assert "# the shop itself\n[target.web_front]\n" in found.text


COMMENTED = """\
# the shop, as it is built
# and run

# all of it
services:
  # the page
  web: # of the shop
    image: example.com/web # its name
    build:
      # from here
      context: .  # the top
      args:
        A: "x # y" # inside
        # about B
        B: 2
      dockerfile_inline: | # inline
        # not ours
        FROM scratch
      # the last
      target: run
  # the interface
  api: {build: ./api} # another
"""


def test_comments_are_kept(bring: Import) -> None:
    assert (
        bring(COMMENTED, "compose.yaml").text
        == """\
# the shop, as it is built
# and run

[group]
# all of it
default = ["web", "api"]

# the page
# of the shop
[target.web]
# from here
context = "." # the top
dockerfile-inline = \"\"\"
# not ours
FROM scratch
\"\"\" # inline
# inside
# about B
args = { A = "x # y", B = "2" }
# the last
target = "run"
tags = ["example.com/web"] # its name

# the interface
[target.api]
context = "./api" # another
"""
    )


def test_what_is_left_out_is_told_with_its_line(bring: Import) -> None:
    found = bring(SHOP, "compose.yaml")
    assert found.codes == [
        "8 renamed",
        "8 left-out",
        "27 left-out",
        "29 left-out",
        "40 left-out",
        "52 unknown-key",
        "54 left-out",
        "55 without-build",
    ]
    assert "service `db` has no `build`, so it is no target" in found.notes[-1]


@pytest.mark.parametrize(
    ("written", "line", "value"),
    [
        ("${A}", (), ""),
        ("$A-x", ("--var", "A=1"), "1-x"),
        ("${A:-b}", (), "b"),
        ("${A-b}", (), "b"),
        ("${A:+b}", (), ""),
        ("${A:+b}", ("--var", "A=1"), "b"),
        ("${A:-${B:-c}}", (), "c"),
        ("$$A and $${A}", (), "$A and ${A}"),
        ("'1.10'", (), "1.10"),
        ("yes", (), "yes"),
        ("0x10", (), "16"),
    ],
)
def test_interpolation(bring: Import, written: str, line: tuple[str, ...], value: str) -> None:
    found = bring(f"services:\n  s:\n    build:\n      args:\n        X: {written}\n", "compose.yaml")
    assert found.print(*line)["s"]["args"]["X"] == value


def test_a_context_without_a_value_is_left_out(bring: Import) -> None:
    text = "services:\n  s:\n    build:\n      additional_contexts: {a: , b: ./b}\n      x-bake: {contexts: [c]}\n"
    found = bring(text, "compose.yaml")
    assert found.print() == {"s": {"contexts": {"b": "./b"}}}
    assert found.codes == ["4 null-value", "5 null-value"]


def test_a_service_may_extend_another(bring: Import) -> None:
    text = """
services:
  a: {build: {context: a, args: {X: 1, Y: 1}}}
  b: {extends: a, build: {args: {Y: 2}}}
  c: {extends: {file: other.yaml, service: z}, build: .}
"""
    found = bring(text, "docker-compose.yml")
    assert found.print("b") == {"b": {"context": "a", "args": {"X": "1", "Y": "2"}}}
    assert found.codes == ["5 missing-file"]
