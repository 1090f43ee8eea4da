"""The topics of the peer's guides (targets, inheritance, variables, expressions, functions, matrices, contexts,
overrides, compose), each with an example of ours and what `--print` of the peer makes of it by
reference/buildx-bake.md: `bake print` of the imported file must say the same.

The results are in the peer's words; `theirs` turns ours into them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

Import = Callable[..., Any]


def theirs(found: Mapping[str, Any]) -> dict[str, Any]:
    """Annotations as the peer's list."""
    return {
        name: {
            key: [f"{name}={each}" for name, each in value.items()] if key == "annotations" else value
            for key, value in target.items()
        }
        for name, target in found.items()
    }


TOPICS: Mapping[str, tuple[dict[str, str], tuple[str, ...], dict[str, Any]]] = {
    "targets": (
        {
            "docker-bake.hcl": """
            target "shop" {
              context = "./shop"
              dockerfile = "prod.Dockerfile"
              target = "serve"
              args = { "mode" = "fast", level = 3, debug = false }
              labels = { "org.example.team" = "web" }
              no-cache = true
              no-cache-filter = ["fetch"]
              platforms = ["linux/arm64"]
              tags = ["example.com/shop:1", "example.com/shop:stable"]
            }
            """
        },
        ("shop",),
        {
            "shop": {
                "context": "./shop", "dockerfile": "prod.Dockerfile", "target": "serve",
                "args": {"mode": "fast", "level": "3", "debug": "false"}, "labels": {"org.example.team": "web"},
                "no-cache": True, "no-cache-filter": ["fetch"], "platforms": ["linux/arm64"],
                "tags": ["example.com/shop:1", "example.com/shop:stable"],
            }
        },
    ),
    "grouping": (
        {
            "docker-bake.hcl": """
            group "all-things" { targets = ["backend", "assets"] }
            group "backend" { targets = ["api", "queue"] }
            target "api" { target = "api" }
            target "queue" { target = "queue" }
            target "assets" { context = "assets" }
            """
        },
        ("all-things",),
        {"api": {"target": "api"}, "queue": {"target": "queue"}, "assets": {"context": "assets"}},
    ),
    "inheriting from several, own attributes last": (
        {
            "docker-bake.hcl": """
            target "_debug" { args = { LEVEL = "trace", ASSERT = "on" } }
            target "_labels" {
              args = { LEVEL = "info" }
              labels = { a = "1", b = "1" }
            }
            target "server" {
              inherits = ["_debug", "_labels"]
              labels = { b = "2" }
            }
            """
        },
        ("server",),
        {"server": {"args": {"LEVEL": "info", "ASSERT": "on"}, "labels": {"a": "1", "b": "2"}}},
    ),
    "reusing single attributes": (
        {
            "docker-bake.hcl": """
            target "one" {
              tags = ["example.com/one:2"]
              args = { GO = "1.22" }
            }
            target "two" {
              tags = [for t in target.one.tags : replace(t, "one", "two")]
              args = { GO = target.one.args.GO }
            }
            """
        },
        ("two",),
        {"two": {"tags": ["example.com/two:2"], "args": {"GO": "1.22"}}},
    ),
    "variables in variables, with a default for what is empty": (
        {
            "docker-bake.hcl": """
            variable "HOST" { default = "example.com" }
            variable "REPO" { default = "${HOST}/lib" }
            variable "SUFFIX" {}
            target "lib" {
              tags = ["${REPO}:${SUFFIX != "" ? SUFFIX : "dev"}"]
              args = { SUFFIX = "${SUFFIX}" }
            }
            """
        },
        ("lib",),
        {"lib": {"tags": ["example.com/lib:dev"], "args": {"SUFFIX": ""}}},
    ),
    "typed variables": (
        {
            "docker-bake.hcl": """
            variable "RETRIES" {
              type = number
              default = 3
            }
            variable "FAST" {
              type = bool
              default = true
            }
            variable "ROUTES" {
              type = list(object({ path = string, port = number }))
              default = [{ path = "/", port = 80 }, { path = "/api", port = 81 }]
            }
            target "proxy" {
              args = {
                RETRIES = RETRIES + 1
                FAST = FAST ? "yes" : "no"
                ROUTES = join(" ", [for r in ROUTES : "${r.path}:${r.port}"])
                FIRST = ROUTES[0].path
              }
            }
            """
        },
        ("proxy",),
        {"proxy": {"args": {"RETRIES": "4", "FAST": "yes", "ROUTES": "/:80 /api:81", "FIRST": "/"}}},
    ),
    "expressions": (
        {
            "docker-bake.hcl": """
            n = 7
            target "calc" {
              args = {
                sum = "${add(n, 3)} of ${n * 2 - 4}"
                parity = n % 2 == 0 ? "even" : "odd"
                both = n > 5 && !(n >= 8) || false
                rounded = ceil(n / 2)
                list = join(",", [for i in range(3) : i * n])
              }
            }
            """
        },
        ("calc",),
        {"calc": {"args": {"sum": "10 of 10", "parity": "odd", "both": "true", "rounded": "4", "list": "0,7,14"}}},
    ),
    "functions of one's own": (
        {
            "docker-bake.hcl": """
            variable "TAGS" { default = "1,2" }
            function "double" {
              params = [x]
              result = x * 2
            }
            function "names" {
              params = [base]
              variadic_params = more
              result = [for each in concat(split(",", TAGS), more) : "${base}:${each}"]
            }
            target "f" {
              tags = names("example.com/f", "x", "y")
              args = { FOUR = double(double(1)) }
            }
            """
        },
        ("f",),
        {"f": {"tags": [f"example.com/f:{each}" for each in "12xy"], "args": {"FOUR": "4"}}},
    ),
    "a matrix of several axes": (
        {
            "docker-bake.hcl": """
            target "svc" {
              name = "svc-${item}-${replace(version, ".", "_")}"
              matrix = {
                item = ["a", "b"]
                version = ["1.0", "2.1"]
              }
              context = "./${item}"
              args = { VERSION = version }
              tags = version == "2.1" ? ["example.com/${item}:latest"] : []
            }
            """
        },
        ("svc",),
        {
            f"svc-{item}-{version.replace('.', '_')}": {
                "context": f"./{item}", "args": {"VERSION": version},
                **({"tags": [f"example.com/{item}:latest"]} if version == "2.1" else {}),
            }
            for item in "ab" for version in ("1.0", "2.1")
        },
    ),
    "contexts": (
        {
            "docker-bake.hcl": """
            target "base" { dockerfile-inline = "FROM scratch" }
            target "app" {
              contexts = {
                alpine = "docker-image://example.com/alpine:3"
                src = "../src"
                parent = "target:base"
                remote = "https://example.com/x.git#v1"
                layout = "oci-layout://path/to/layout:1"
              }
            }
            """
        },
        ("app",),
        {
            "app": {
                "contexts": {
                    "alpine": "docker-image://example.com/alpine:3", "src": "../src", "parent": "target:base",
                    "remote": "https://example.com/x.git#v1", "layout": "oci-layout://path/to/layout:1",
                }
            },
            "base": {"dockerfile-inline": "FROM scratch"},
        },
    ),
    "output, cache, secrets, ssh, attestations, annotations": (
        {
            "docker-bake.hcl": """
            target "full" {
              output = ["type=image,name=example.com/full,push=true", "./bin", "type=cacheonly"]
              cache-from = ["example.com/cache", { type = "gha", scope = "x" }]
              cache-to = ["type=inline"]
              secret = ["type=env,id=KEY", "id=file,src=f.txt"]
              ssh = ["default", { id = "k", paths = ["id_a", "id_b"] }]
              attest = ["type=provenance,mode=max", "type=sbom"]
              annotations = ["org.example.a=1", "index,manifest:org.example.b=2"]
            }
            """
        },
        ("full",),
        {
            "full": {
                "output": [
                    {"type": "image", "name": "example.com/full", "push": True},
                    {"type": "local", "dest": "./bin"},
                    {"type": "cacheonly"},
                ],
                "cache-from": [{"type": "registry", "ref": "example.com/cache"}, {"type": "gha", "scope": "x"}],
                "cache-to": [{"type": "inline"}],
                "secret": [{"id": "KEY", "type": "env"}, {"id": "file", "src": "f.txt"}],
                "ssh": [{"id": "default"}, {"id": "k", "paths": ["id_a", "id_b"]}],
                "attest": [{"type": "provenance", "mode": "max"}, {"type": "sbom"}],
                "annotations": ["index,manifest:org.example.b=2", "org.example.a=1"],
            }
        },
    ),
    "the JSON form": (
        {
            "docker-bake.json": """
            {
              "//": "a comment",
              "variable": {"TAG": {"default": "1"}, "SUB": {"default": "s", "description": "a part"}},
              "function": {"ref": {"params": ["x"], "result": "example.com/${x}:${TAG}"}},
              "group": {"default": {"targets": ["a", "m"]}},
              "target": {
                "a": {"tags": ["${ref(SUB)}"], "args": {"A": null, "B": "$${C}", "D": "${1 + 1}"}},
                "m": [{"matrix": {"v": ["1", "2"]}, "name": "m-${v}"}, {"target": "${v}"}]
              }
            }
            """
        },
        (),
        {
            "a": {"tags": ["example.com/s:1"], "args": {"B": "${C}", "D": "2"}},
            "m-1": {"target": "1"}, "m-2": {"target": "2"},
        },
    ),
    "an override file": (
        {
            "docker-bake.hcl": """
            variable "TAG" { default = "1" }
            target "app" {
              args = { A = "1", B = "1" }
              tags = ["example.com/app:${TAG}"]
              platforms = ["linux/amd64", "linux/arm64"]
            }
            """,
            "docker-bake.override.json": """
            {"target": {"app": {"args": {"B": "2"}, "platforms": ["linux/arm64"], "output": ["type=docker"]}}}
            """,
        },
        ("app",),
        {
            "app": {
                "args": {"A": "1", "B": "2"}, "tags": ["example.com/app:1"], "platforms": ["linux/arm64"],
                "output": [{"type": "docker"}],
            }
        },
    ),
    "what the CI metadata action writes": (
        {
            "docker-bake.hcl": """
            target "docker-metadata-action" {}
            target "app" {
              inherits = ["docker-metadata-action"]
              context = "app"
              args = { MINE = "1" }
            }
            """,
            "meta.json": """
            {"target": {"docker-metadata-action": {
              "tags": ["example.com/app:pr-1"],
              "labels": {"org.opencontainers.image.version": "pr-1"},
              "args": {"DOCKER_META_VERSION": "pr-1"}
            }}}
            """,
        },
        ("app",),
        {
            "app": {
                "context": "app", "args": {"MINE": "1", "DOCKER_META_VERSION": "pr-1"},
                "labels": {"org.opencontainers.image.version": "pr-1"}, "tags": ["example.com/app:pr-1"],
            }
        },
    ),
    "compose with x-bake": (
        {
            "compose.yaml": """
services:
  front:
    image: example.com/front:1
    build:
      context: .
      dockerfile: ./Dockerfile
      args: {MODE: quick, LEVEL: two}
      x-bake:
        tags: [example.com/front:quick, example.com/again:7]
        platforms: [linux/amd64, linux/arm64]
        cache-from: [example.com/cache, "type=local,src=var/cache"]
        cache-to: type=local,dest=var/cache
        pull: true
  queue:
    image: example.com/queue
    build:
      context: .
      args: {MODE: slow}
      x-bake:
        secret:
          - id=first,src=./one.txt
          - id=second,src=./two.txt
        platforms: linux/arm64
        output: type=docker
        no-cache: true
        contexts: {base: target:front}
"""
        },
        (),
        {
            "front": {
                "dockerfile": "./Dockerfile", "args": {"MODE": "quick", "LEVEL": "two"},
                "tags": ["example.com/front:quick", "example.com/again:7"], "platforms": ["linux/amd64", "linux/arm64"],
                "cache-from": [
                    {"type": "registry", "ref": "example.com/cache"}, {"type": "local", "src": "var/cache"},
                ],
                "cache-to": [{"type": "local", "dest": "var/cache"}], "pull": True,
            },
            "queue": {
                "args": {"MODE": "slow"}, "tags": ["example.com/queue"], "platforms": ["linux/arm64"],
                "secret": [{"id": "first", "src": "./one.txt"}, {"id": "second", "src": "./two.txt"}],
                "output": [{"type": "docker"}], "no-cache": True, "contexts": {"base": "target:front"},
            },
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS)
def test_an_imported_file_prints_what_the_peer_prints(bring: Import, topic: str) -> None:
    files, names, targets = TOPICS[topic]
    found = bring(files, *files)
    assert theirs(found.print(*names)) == targets
