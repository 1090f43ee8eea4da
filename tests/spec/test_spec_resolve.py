"""The example of SPEC §1, variables, scopes and what is evaluated when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bake.errors import Diagnostic, InputError
from bake.spec.request import Request
from bake.spec.resolve import Resolved, check, resolve
from bake.spec.target import Target
from bake.spec.workspace import spec_of

SPEC = r"""
[variable]
REGISTRY = "localhost:5000"
PYTHON   = { default = "3.11.5", env = "PYTHON_VERSION", pattern = '\d+\.\d+\.\d+', help = "base version" }
TOKEN    = { env = "TOKEN", sensitive = true, required = true }

[defaults]
platforms = ["linux/amd64"]
labels = { "org.opencontainers.image.revision" = "${git.sha}" }

[group]
default = ["hello", "main"]

[target.base]
[target.lint]
[target._web]

[target.hello]
context = "examples/hello"
tags = ["${REGISTRY}/hello", "${REGISTRY}/hello:0.1"]

[target.main]
inherits = ["_web"]
matrix.python = ["3.11.5", "3.12.1"]
matrix.distro = ["alpine", "slim"]
exclude = [{ python = "3.12.1", distro = "slim" }]
include = [{ python = "3.13.0", distro = "alpine", args = { EXTRA = "1" } }]
name = "main-${python}-${distro}"
args = { PYTHON = "${python}" }
tags = ["${REGISTRY}/main:python${python}-${distro}", "${REGISTRY}/main:${python%.*}-${distro}"]
contexts = { base = "target:base" }
after = ["lint"]
test = [["python", "-c", "import fastapi"]]

[target.versioned]
tags = ["x/v:${PYTHON}"]
[target.private]
args.TOKEN = "${TOKEN}"

[profile.release]
defaults.push = true
target.main.args.MODE = "release"
variable.PYTHON = "3.12.1"
"""


@pytest.fixture
def example(baked: Callable[..., Resolved]) -> Callable[..., Resolved]:
    return lambda *names, **request: baked(SPEC, *names, **{"git": {"sha": "abc"}, **request})


def test_the_example_of_the_specification(example: Callable[..., Resolved]) -> None:
    resolved = example(profiles=("release",))
    mains = ("main-3.11.5-alpine", "main-3.11.5-slim", "main-3.12.1-alpine", "main-3.13.0-alpine")
    assert resolved.requested == ("hello", *mains)
    assert list(resolved.targets) == ["base", "lint", "hello", *mains]
    assert resolved.groups == {"default": ("hello", *mains)}
    main = resolved.targets["main-3.13.0-alpine"]
    assert main == Target(
        name="main-3.13.0-alpine",
        root="/work",
        base_name="main",
        axes={"python": "3.13.0", "distro": "alpine"},
        contexts={"base": "target:base"},
        args={"PYTHON": "3.13.0", "MODE": "release", "EXTRA": "1"},
        labels={"org.opencontainers.image.revision": "abc"},
        tags=("localhost:5000/main:python3.13.0-alpine", "localhost:5000/main:3.13-alpine"),
        platforms=("linux/amd64",),
        after=("lint",),
        test=(("python", "-c", "import fastapi"),),
        push="always",
    )
    assert resolved.targets["main-3.11.5-slim"].args == {"PYTHON": "3.11.5", "MODE": "release"}
    assert resolved.warnings == ()


def test_siblings_are_evaluated_when_asked_for(example: Callable[..., Resolved]) -> None:
    resolved = example("hello")
    assert list(resolved.targets) == ["hello"]
    assert resolved.target("versioned").tags == ("x/v:3.11.5",)
    assert resolved.owner("docker.io/x/v:3.11.5") == "versioned"
    assert resolved.owner("localhost:5000/hello") == "hello"
    assert resolved.owner("localhost:5000/main:3.11-slim") == "main-3.11.5-slim"
    assert resolved.owner("alpine") is None
    with pytest.raises(InputError, match="required"):
        resolved.target("private")
    with pytest.raises(InputError, match="is no target"):
        resolved.target("nope")


@pytest.mark.parametrize(
    ("request_", "expected", "origin"),
    [
        ({}, "3.11.5", "default"),
        ({"profiles": ("release",)}, "3.12.1", "profile"),
        ({"profiles": ("release",), "environment": {"PYTHON_VERSION": "1.2.3"}}, "1.2.3", "env PYTHON_VERSION"),
        ({"environment": {"PYTHON_VERSION": "1.2.3"}, "variables": {"PYTHON": "4.5.6"}}, "4.5.6", "--var"),
        ({"environment": {"PYTHON_VERSION": "", "PYTHON": "9.9.9"}}, "3.11.5", "default"),
    ],
)
def test_precedence_of_variables(
    example: Callable[..., Resolved], request_: Mapping[str, Any], expected: str, origin: str
) -> None:
    """`--var` > env > profile > default; the environment counts only where it is named (trap 13)."""
    resolved = example("versioned", **request_)
    assert resolved.targets["versioned"].tags == (f"x/v:{expected}",)
    assert resolved.names.origin(resolved.spec.root, "PYTHON") == origin


def test_git_is_asked_only_when_used_and_once(baked: Callable[..., Resolved]) -> None:
    asked = []

    def git() -> dict[str, str]:
        asked.append(1)
        return {"sha": "abc", "branch": "Main"}

    baked("[target.a]", git=git)
    assert asked == []
    found = baked(
        '[target.a]\nargs = { A = "${git.sha}", B = "${git.branch | slug}", C = "${git.tag:-none}" }', git=git
    )
    assert found.targets["a"].args == {"A": "abc", "B": "main", "C": "none"}
    assert asked == [1]


def test_scopes(target: Callable[..., Target]) -> None:
    text = """
    [variable]
    A = "${B}-a"
    B = "${env.HOME:-nohome}"
    N = 3
    F = 3.10
    T = true
    EMPTY = { env = "EMPTY", env-empty = true, default = "d" }
    NONE = {}
    [target.t]
    matrix.A = ["axis"]
    name = "t"
    context = "ctx"
    args = { A = "${A}", B = "${B}", N = "${N}${F}${T}", NAME = "${target.name}", BASE = "${target.base}" }
    labels = { C = "${target.context}/${target.args.N}", D = "${target.dockerfile}", E = "${EMPTY}|${NONE}|${NONE-x}" }
    """
    with pytest.raises(InputError):  # `t` is both the matrix and its only combination
        target(text.replace('name = "t"', 'name = "u"\n[target.u]'))
    found = target(text, environment={"HOME": "/h", "EMPTY": ""})
    assert found.args == {"A": "axis", "B": "/h", "N": "33.10true", "NAME": "t", "BASE": "t"}
    assert found.labels == {"C": "ctx/33.10true", "D": "Dockerfile", "E": "||x"}


def test_values_that_come_to_nothing_are_left_out(target: Callable[..., Target]) -> None:
    text = """
    variable.CI = { env = "CI" }
    [target.t]
    tags = ["x/a", "${CI:+x/b}"]
    target = "${CI:+debug}"
    cache-to = ["${CI:+type=registry,ref=x/cache}"]
    """
    assert (target(text).tags, target(text).target, target(text).cache_to) == (("x/a",), None, ())
    found = target(text, environment={"CI": "1"})
    assert (found.tags, found.target) == (("x/a", "x/b"), "debug")
    assert found.cache_to == ({"type": "registry", "ref": "x/cache"},)


def test_every_kind_of_value(target: Callable[..., Target]) -> None:
    text = """
    variable.YES = true
    [target.t]
    args = { V = 3.10, N = 1, B = true, S = "s" }
    annotations = ["index:a=b=c", "d=e"]
    output = ["type=oci,dest=o.tar,compression-level=3", "./bin", "-",
      { type = "image", push = true, media-types = "docker" }]
    cache-from = ["x/cache:a", { type = "local", src = "c" }, "type=gha,scope=a"]
    secret = ["id=a,src=b", { id = "c", source = "d", required = false }, "id=e,env=F", "type=file,\\"src=x,y\\",id=g"]
    ssh = ["default", "k=a,b", { id = "m", paths = "p" }]
    attest = ["type=provenance,mode=max", "type=sbom,disabled=true"]
    ulimits = ["nofile=1024:2048", { name = "nproc", soft = 5 }, "core=-1"]
    extra-hosts = { a = "10.0.0.1", b = "host-gateway", c = "[::1]" }
    platforms = ["linux/amd64", "aarch64", "linux/arm", "local", "linux/x86_64"]
    no-cache = "${YES}"
    shm-size = "1.5g"
    timeout = "1h30m"
    retries = 2
    weight = 1.5
    resources = { memory = "1g", memory-swap = -1, cpu-quota = 50000, cpuset-cpus = "0-1" }
    entitlements = ["device=gpu", "network.host"]
    push = "${YES}"
    """
    found = target(text)
    assert found.args == {"V": "3.10", "N": "1", "B": "true", "S": "s"}
    assert found.annotations == {"index:a": "b=c", "d": "e"}
    assert found.output == (
        {"type": "oci", "dest": "o.tar", "compression-level": 3},
        {"type": "local", "dest": "./bin"},
        {"type": "tar", "dest": "-"},
        {"type": "image", "push": True, "media-types": "docker"},
    )
    assert found.cache_from == (
        {"type": "registry", "ref": "x/cache:a"},
        {"type": "local", "src": "c"},
        {"type": "gha", "scope": "a"},
    )
    assert found.secret == (
        {"id": "a", "src": "b"},
        {"id": "c", "src": "d", "required": False},
        {"id": "e", "env": "F"},
        {"type": "file", "src": "x,y", "id": "g"},
    )
    assert found.ssh == ({"id": "default"}, {"id": "k", "paths": ("a", "b")}, {"id": "m", "paths": ("p",)})
    assert found.attest == ({"type": "provenance", "mode": "max"}, {"type": "sbom", "disabled": True})
    assert found.ulimits == ("nofile=1024:2048", "nproc=5", "core=-1")
    assert found.extra_hosts == {"a": "10.0.0.1", "b": "host-gateway", "c": "::1"}
    assert found.platforms == ("linux/amd64", "linux/arm64", "linux/arm/v7", "local")
    assert (found.no_cache, found.shm_size, found.timeout, found.retries) == (True, 3 << 29, 5400.0, 2)
    assert (found.weight, found.push, found.entitlements) == (1.5, "always", ("device=gpu", "network.host"))
    assert found.resources == {"memory": 1 << 30, "memory-swap": -1, "cpu-quota": 50000, "cpuset-cpus": "0-1"}


def test_platform_of_the_request(target: Callable[..., Target]) -> None:
    assert target("[target.t]", platform="linux/arm64").platforms == ("linux/arm64",)


def test_sensitive_values_are_marked(target: Callable[..., Target]) -> None:
    text = """
    variable.TOKEN = { env = "TOKEN", sensitive = true }
    variable.URL = "https://${TOKEN}@host"
    [target.t]
    args = { URL = "${URL}", UP = "${TOKEN | upper}" }
    cache-to = ["type=s3,bucket=b,secret_access_key=very"]
    [target.u]
    """
    found = target(text, environment={"TOKEN": "geheim"})
    assert found.sensitive == {"geheim", "GEHEIM", "very"}
    assert "geheim" not in repr(found).replace(str(dict(found.args)), "")
    assert target(text, "u", environment={"TOKEN": "geheim"}).sensitive == set()


def test_only_what_is_reached_is_evaluated() -> None:
    text = """
    variable.V = { required = true }
    group.g = ["bad"]
    [target.good]
    [target.bad]
    args.A = "${V}${env.NOPE}"
    [target.worse]
    matrix.a = ["${V}"]
    """
    spec = spec_of(text)
    assert resolve(spec, Request(("good",))).requested == ("good",)
    codes = [(d.code, d.span.line if d.span else 0) for d in check(spec)]
    assert codes == [("missing-value", 2)]
    with pytest.raises(InputError):
        resolve(spec, Request(("worse",)))
    with pytest.raises(InputError):
        resolve(spec)


def test_check_finds_what_builds_do_not_meet() -> None:
    text = """
    variable.A = "${NOPE}"
    group.g = ["h"]
    group.h = ["g"]
    [target._t]
    args.A = "${anything}"
    [target.a]
    """
    found: tuple[Diagnostic, ...] = check(spec_of(text))
    assert [(d.code, d.span.line) for d in found if d.span] == [("undefined-variable", 2), ("group-cycle", 3)]


def test_a_run_without_errors_loads_little() -> None:
    """reference/libraries.md, start-up budget: nothing that only errors or rare forms need."""
    code = (
        "import sys; from bake.spec.workspace import spec_of; from bake.spec.resolve import resolve;"
        'r = resolve(spec_of(\'[target.a]\\ntags = ["x/a"]\\nargs = {A = "1"}\'));'
        "r.targets['a'].span('tags[0]'); r.owner('x/b');"
        "print([m for m in ('tomlkit', 'difflib', 'csv', 'ipaddress', 'json', 'networkx', 'asyncio', 'msgspec')"
        " if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
