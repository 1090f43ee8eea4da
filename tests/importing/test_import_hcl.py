"""docker-bake.hcl: typical definitions, each with the targets that the peer resolves it to (worked out by hand from
reference/buildx-bake.md), compared with `bake print` of the imported file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from inline_snapshot import snapshot

Import = Callable[..., Any]

GROUPS = """
group "default" {
  targets = ["db", "apps"]
}
group "apps" { targets = ["web", "api"] }
target "web" {
  context = "web"
  dockerfile = "web.Dockerfile"
  tags = ["example.com/acme/web:1"]
}
target "api" { context = "./api" }
target "db" {
  tags = ["example.com/acme/db:1", "example.com/acme/db:latest"]
  platforms = ["linux/amd64", "linux/arm64"]
}
"""

INHERITS = """
target "_common" {
  args = { GO_VERSION = "1.21", MODE = "dev" }
  labels = { "org.opencontainers.image.vendor" = "acme" }
  cache-from = ["type=registry,ref=example.com/acme/cache"]
  no-cache-filter = ["fetch"]
}
target "_release" {
  args = { MODE = "release", STRIP = "1" }
  platforms = ["linux/amd64", "linux/arm64"]
}
target "tool" {
  inherits = ["_common", "_release"]
  args = { NAME = "tool" }
  cache-from = ["type=local,src=.cache"]
  no-cache-filter = ["fetch", "test"]
  tags = ["example.com/acme/tool"]
}
target "tool-debug" {
  inherits = ["tool"]
  target = "debug"
  args = { MODE = "debug" }
  tags = ["example.com/acme/tool:debug"]
}
"""

VARIABLES = """
variable "REGISTRY" { default = "example.com/acme" }
variable "TAG" {
  default = "latest"
  description = "the tag"
}
variable "IMAGE" { default = "${REGISTRY}/site" }
variable "VERSION" { default = "" }
variable "DEBUG" { default = true }
variable "LEVEL" { default = 3 }
variable "EXTRA" {}
target "default" {
  tags = [
    "${IMAGE}:${TAG}",
    VERSION != "" ? "${IMAGE}:${VERSION}" : "",
    equal("", VERSION) ? "" : "${IMAGE}:v${VERSION}",
  ]
  args = {
    DEBUG = DEBUG
    LEVEL = "${LEVEL}"
    RATIO = 1.50
    PLAIN = "$HOME $${HOME}"
    BUILD = VERSION == "" ? "dev" : VERSION
    EXTRA = EXTRA
    NONE = null
  }
  no-cache = DEBUG
}
"""

FUNCTIONS = """
variable "TAG" { default = "1.2.3" }
variable "OWNER" { default = "Acme" }
function "image" {
  params = [name]
  result = "example.com/acme/${name}:${TAG}"
}
function "images" {
  params = [name]
  variadic_params = more
  result = concat(["example.com/acme/${name}"], [for each in more : "example.com/acme/${name}:${each}"])
}
target "a" {
  tags = [image("a")]
  args = {
    MINOR = join(".", slice(split(".", TAG), 0, 2))
    LOWER = lower(OWNER)
    DASHED = replace(TAG, ".", "-")
    SUM = add(1, 2) * 2 - 1
    SAFE = sanitize("a/b:c")
    FIRST = try(regex("^([0-9]+)", "12ab")[0], "none")
    BARE = trimprefix("v1.0", "v")
    NEWER = semvercmp("1.4.2", ">= 1.4, < 2") ? "yes" : "no"
  }
}
target "b" { tags = images("b", "x", "y") }
target "c" { tags = flatten([[image("c")], ["example.com/acme/c:dev"]]) }
"""

MATRIX = """
variable "REPO" { default = "example.com/acme/app" }
target "app" {
  name = "app-${flavour}-${replace(version, ".", "-")}"
  matrix = {
    flavour = ["slim", "full"]
    version = ["1.0", "2.0"]
  }
  target = flavour
  args = { VERSION = version }
  tags = ["${REPO}:${version}-${flavour}"]
}
group "default" { targets = ["app", "app-full-2-0"] }
"""

MATRIX_OF_OBJECTS = """
variable "REPO" { default = "example.com/acme" }
target "lang" {
  name = "lang-${item.name}"
  matrix = {
    item = [
      { name = "go", version = "1.21", extra = ["a", "b"] },
      { name = "py", version = "3.12", extra = [] },
    ]
  }
  dockerfile = "${item.name}.Dockerfile"
  args = {
    VERSION = item.version
    EXTRA = join(",", item.extra)
  }
  tags = ["${REPO}/${item.name}:${item.version}"]
}
group "default" { targets = ["lang"] }
"""

FOR = """
variable "TAGS" { default = "a,b" }
variable "REPO" { default = "example.com/acme/x" }
VERSIONS = ["1", "2", "rc3"]
PORTS = { web = 80, api = 81 }
target "x" {
  tags = [for v in VERSIONS : "${REPO}:${v}" if !can(regex("rc", v))]
  labels = { for name, port in PORTS : "port.${name}" => port }
  args = {
    ALL = join(" ", [for i, v in VERSIONS : "${i}=${upper(v)}"])
    NAMES = join(",", keys(PORTS))
    TEXT = "%{ for v in VERSIONS }<${v}>%{ endfor }%{ if PORTS.web == 80 }!%{ else }?%{ endif }"
    SPLAT = join("+", [{ v = "1" }, { v = "2" }][*].v)
  }
}
target "y" {
  tags = [for t in split(",", TAGS) : "${REPO}y:${t}"]
  args = { COUNT = length(target.x.tags), FIRST = target.x.args.NAMES }
}
"""

INLINE = """
target "app" {
  contexts = {
    base = "docker-image://alpine:3.20"
    src = "target:source"
    "data" = "./data"
  }
  dockerfile-inline = <<-EOT
    FROM base
      RUN echo "hi $${NAME}" \\
        && ls
    COPY --from=src / /
  EOT
  output = ["type=local,dest=out", { type = "cacheonly" }]
  secret = ["id=token,env=TOKEN", { id = "key", src = "key.txt" }]
  ssh = ["default"]
  attest = ["type=provenance,mode=max", { type = "sbom" }]
  annotations = ["index:org.opencontainers.image.title=app"]
  extra-hosts = { mirror = "10.0.0.1" }
  shm-size = "128m"
  ulimits = ["nofile=1024:2048"]
  network = "none"
  entitlements = ["network.host"]
  cache-to = [{ type = "registry", ref = "example.com/cache", mode = "max" }]
  pull = true
}
target "source" {
  dockerfile-inline = <<EOF
FROM scratch
EOF
}
"""


def tags(*names: str) -> dict[str, Any]:
    return {"tags": [f"example.com/acme/{name}" for name in names]}


def test_groups(bring: Import) -> None:
    found = bring(GROUPS)
    assert found.print() == {
        "web": {"context": "web", "dockerfile": "web.Dockerfile", **tags("web:1")},
        "api": {"context": "./api"},
        "db": {"platforms": ["linux/amd64", "linux/arm64"], **tags("db:1", "db:latest")},
    }
    assert found.groups("apps")["apps"] == ["web", "api"]
    assert found.notes == []


def test_inheritance_keeps_the_peers_order_and_appends_its_lists(bring: Import) -> None:
    found = bring(INHERITS)
    cache = [{"ref": "example.com/acme/cache", "type": "registry"}, {"src": ".cache", "type": "local"}]
    common: dict[str, Any] = {
        "cache-from": cache,
        "labels": {"org.opencontainers.image.vendor": "acme"},
        "no-cache-filter": ["fetch", "test"],
        "platforms": ["linux/amd64", "linux/arm64"],
    }
    args = {"GO_VERSION": "1.21", "MODE": "release", "NAME": "tool", "STRIP": "1"}
    assert found.print("tool", "tool-debug") == {
        "tool": {**common, "args": args, **tags("tool")},
        "tool-debug": {**common, "args": {**args, "MODE": "debug"}, "target": "debug", **tags("tool:debug")},
    }
    assert 'inherits = ["_release", "_common"]' in found.text
    assert found.notes == []


@pytest.mark.parametrize(
    ("line", "names", "build"),
    [
        ((), ["site:latest"], "dev"),
        (("--var", "VERSION=2"), ["site:latest", "site:2", "site:v2"], "2"),
        (("--var", "TAG=edge"), ["site:edge"], "dev"),
    ],
)
def test_variables_stay_variables(bring: Import, line: tuple[str, ...], names: list[str], build: str) -> None:
    found = bring(VARIABLES)
    args = {"BUILD": build, "DEBUG": "true", "EXTRA": "", "LEVEL": "3", "PLAIN": "$HOME ${HOME}", "RATIO": "1.5"}
    assert found.print(*line) == {"default": {"args": args, "no-cache": True, **tags(*names)}}
    assert found.codes == ["25 null-value"]


def test_functions_are_worked_out_or_put_in_place(bring: Import) -> None:
    found = bring(FUNCTIONS)
    args = {
        "MINOR": "1.2", "LOWER": "acme", "DASHED": "1-2-3", "SUM": "5", "SAFE": "a_b_c", "FIRST": "12", "BARE": "1.0",
        "NEWER": "yes",
    }  # fmt: skip
    assert found.print() == {
        "a": {"args": args, **tags("a:1.2.3")},
        "b": tags("b", "b:x", "b:y"),
        "c": tags("c:1.2.3", "c:dev"),
    }
    assert found.print("a", "--var", "TAG=2.0")["a"]["tags"] == ["example.com/acme/a:2.0"]
    assert found.print("c", "--var", "TAG=2.0")["c"]["tags"] == ["example.com/acme/c:2.0", "example.com/acme/c:dev"]
    assert found.codes == ["16 fixed-value"]


def test_a_matrix_stays_one(bring: Import) -> None:
    found = bring(MATRIX)
    assert found.print() == {
        f"app-{flavour}-{major}-0": {
            "args": {"VERSION": f"{major}.0"}, "target": flavour, **tags(f"app:{major}.0-{flavour}"),
        }
        for flavour in ("slim", "full")
        for major in (1, 2)
    }  # fmt: skip
    assert found.notes == []
    assert 'matrix = { flavour = ["slim", "full"], version = ["1.0", "2.0"] }' in found.text


def test_a_matrix_of_objects_is_written_out(bring: Import) -> None:
    found = bring(MATRIX_OF_OBJECTS)
    assert found.print() == {
        "lang-go": {"args": {"EXTRA": "a,b", "VERSION": "1.21"}, "dockerfile": "go.Dockerfile", **tags("go:1.21")},
        "lang-py": {"args": {"EXTRA": "", "VERSION": "3.12"}, "dockerfile": "py.Dockerfile", **tags("py:3.12")},
    }
    assert found.print("lang-py", "--var", "REPO=example.com/other")["lang-py"]["tags"] == ["example.com/other/py:3.12"]
    assert found.codes == ["5 matrix-written-out"]


def test_for_and_directives(bring: Import) -> None:
    found = bring(FOR)
    assert found.print() == {
        "x": {
            "args": {"ALL": "0=1 1=2 2=RC3", "NAMES": "api,web", "SPLAT": "1+2", "TEXT": "<1><2><rc3>!"},
            "labels": {"port.api": "81", "port.web": "80"},
            **tags("x:1", "x:2"),
        },
        "y": {"args": {"COUNT": "2", "FIRST": "api,web"}, **tags("xy:a", "xy:b")},
    }
    assert found.print("x", "--var", "REPO=example.com/z")["x"]["tags"] == ["example.com/z:1", "example.com/z:2"]
    assert found.codes == snapshot(["4 compound-variable", "5 compound-variable", "17 fixed-value", "18 fixed-value"])


def test_inline_dockerfiles_contexts_and_entries(bring: Import) -> None:
    found = bring(INLINE)
    assert found.print() == snapshot(
        {
            "app": {
                "annotations": {"index:org.opencontainers.image.title": "app"},
                "attest": [{"mode": "max", "type": "provenance"}, {"type": "sbom"}],
                "cache-to": [{"mode": "max", "ref": "example.com/cache", "type": "registry"}],
                "contexts": {"base": "docker-image://alpine:3.20", "data": "./data", "src": "target:source"},
                "dockerfile-inline": """\
FROM base
  RUN echo "hi ${NAME}" \\
    && ls
COPY --from=src / /
""",
                "entitlements": ["network.host"],
                "extra-hosts": {"mirror": "10.0.0.1"},
                "network": "none",
                "output": [{"dest": "out", "type": "local"}, {"type": "cacheonly"}],
                "pull": True,
                "secret": [{"env": "TOKEN", "id": "token"}, {"id": "key", "src": "key.txt"}],
                "shm-size": 134217728,
                "ssh": [{"id": "default"}],
                "ulimits": ["nofile=1024:2048"],
            },
            "source": {"dockerfile-inline": "FROM scratch\n"},
        }
    )
    assert found.notes == []
    assert "dockerfile-inline = '''\nFROM base\n" in found.text


UNSET = """
variable "GO" { default = null }
variable "MULTI" { default = "" }
variable "OUT" { default = "" }
target "a" {
  args = {
    GO = GO
    V = GO == null ? "none" : GO
  }
  target = OUT
  output = [OUT]
  platforms = MULTI != "" ? ["linux/amd64", "linux/arm64"] : []
  cache-from = [OUT == "" ? "" : "type=local,src=${OUT}"]
}
"""


def test_what_is_unset_is_as_if_it_were_not_there(bring: Import) -> None:
    found = bring(UNSET)
    assert found.print() == {"a": {"args": {"V": "none"}}}
    both = found.print("--var", "MULTI=1", "--var", "OUT=out", "--var", "GO=1.21")["a"]
    assert both == {
        "args": {"V": "1.21"},
        "cache-from": [{"src": "out", "type": "local"}],
        "output": [{"dest": "out", "type": "local"}],
        "platforms": ["linux/amd64", "linux/arm64"],
        "target": "out",
    }
    assert found.codes == ["7 null-value"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"a ${~ 1 ~} b"', "a1b"),
        ('"%{ if true }a%{ else }b%{ endif }"', "a"),
        ('"%{ for x in [1, 2] ~} ${x} %{~ endfor }"', "12"),
        ("<<E\n  a\n b\nE", "  a\n b\n"),
        ("<<-E\n    a\n      b\n\n    c\n  E", "a\n  b\n\nc\n"),
        ("<<E\n%{ for x in [1, 2] ~}\n  - ${x}\n%{ endfor ~}\nend\nE", "  - 1\n  - 2\nend\n"),
        ("<<-E\n    %{ for x in [1, 2] ~}\n      - ${x}\n    %{ endfor ~}\n    end\n  E", "  - 1\n  - 2\nend\n"),
        ("<<E\na\n%{~ if false }b%{ endif }c\nE", "ac\n"),
        ('<<E\n"$${x}" %%{y} \\n $5 100%\nE', '"${x}" %{y} \\n $5 100%\n'),
        (r'"\u00e9\U0001F600\t\"\\"', 'é😀\t"\\'),
    ],
)
def test_texts(bring: Import, written: str, text: str) -> None:
    assert bring(f'target "a" {{\n  args = {{ X = {written}\n  }}\n}}\n').print()["a"]["args"]["X"] == text
