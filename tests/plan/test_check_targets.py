"""Checking without a world: what a build would refuse is found, and nothing depends on base images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import Diagnostic
from bake.oci.platform import parse_platform
from bake.plan.check import check_targets
from bake.plan.facts import Facts, Needs
from bake.plan.tree import Entry
from bake.spec.request import Request
from bake.spec.resolve import Resolved
from bake.spec.workspace import spec_of

HOST = parse_platform("linux/amd64")


def found(spec: str, files: Mapping[str, str]) -> list[str]:
    return [f"{d.span}: {d.code}" for d in diagnostics(spec, files)]


def diagnostics(
    spec: str, files: Mapping[str, str], tree: Mapping[str, Entry] = MappingProxyType({"a.log": Entry("f")})
) -> tuple[Diagnostic, ...]:
    resolved = Resolved(spec_of(spec, directory="/w"), Request(("all",)))
    facts = Facts()
    for _ in range(5):
        result = check_targets(list(resolved.targets.values()), resolved, facts, HOST)
        if not isinstance(result, Needs):
            return result
        assert not (result.urls or result.gits or result.images)
        facts = replace(
            facts,
            texts={**facts.texts, **{path: files.get(path) for path in result.texts}},
            trees={**facts.trees, **dict.fromkeys(result.trees, tree)},
        )
    raise AssertionError("asks without end")


def test_one_file_of_many_targets_is_told_once() -> None:
    spec = '[target.app]\nmatrix.v = ["1", "2", "3"]\nargs = { V = "${v}" }\n'
    files = {"/w/Dockerfile": "ARG V\nFROM localhost:1/x:${V} AS Up\nARG V\nENV A=$V B=$W\n"}
    assert found(spec, files) == ["Dockerfile:2:6: invalid-default-arg-in-from", "Dockerfile:2:28: stage-name-casing"]


def test_stages_and_arguments_count_over_all_targets() -> None:
    spec = """
[target.app]
target = "app"
args = { A = "1" }
[target.tool]
target = "tool"
args = { B = "1" }
"""
    files = {"/w/Dockerfile": "FROM scratch AS app\nARG A\nFROM scratch AS tool\nFROM scratch AS old\n"}
    assert found(spec, files) == ["Dockerfile:4:1: unused-stage", "bake.toml:7:14: unused-arg"]


def test_an_argument_of_an_onbuild_counts_for_those_who_build_on_it() -> None:
    spec = """
[target.base]
tags = ["localhost:1/base"]
dockerfile-inline = "FROM scratch\\nONBUILD ARG MODE=a\\nONBUILD LABEL mode=$MODE"
[target.app]
args = { MODE = "b", OTHER = "c" }
dockerfile-inline = "FROM localhost:1/base"
"""
    assert found(spec, {}) == ["bake.toml:6:30: unused-arg"]


def test_targets_may_stand_on_each_other() -> None:
    spec = """
[target.base]
tags = ["localhost:1/base"]
dockerfile-inline = "FROM scratch\\nENV HOME=/root"
[target.app]
dockerfile-inline = "FROM localhost:1/base\\nWORKDIR $HOME\\nCOPY --from=more / /"
contexts = { more = "target:base" }
"""
    assert found(spec, {}) == []


def test_a_stage_that_a_context_replaces_is_reached() -> None:
    spec = """
[target.app]
dockerfile-inline = "FROM scratch AS files\\nFROM scratch\\nCOPY --from=files / /"
contexts = { files = "other" }
"""
    assert found(spec, {}) == []


@pytest.mark.parametrize(
    ("ignore", "code"),
    [({"/w/.dockerignore": "*.log"}, True), ({"/w/Dockerfile.dockerignore": "x"}, False), ({}, False)],
)
def test_the_ignore_file_that_counts(ignore: dict[str, str], code: bool) -> None:
    files = {"/w/Dockerfile": "FROM scratch\nCOPY a.log /\n", **ignore}
    assert found("[target.app]\n", files) == ["Dockerfile:2:6: copy-ignored-file"] * code


def test_sources_that_are_not_there() -> None:
    files = {"/w/Dockerfile": "FROM scratch AS a\nCOPY a.log *.txt /\nCOPY --link b.log /\nFROM a\nCOPY --from=a b /\n"}
    assert found("[target.app]\n", files) == ["Dockerfile:3:13: missing-source"]


@pytest.mark.parametrize(
    ("copied", "told"),
    [
        ("COPY a.log /", ["the context has 2 files (200 MB), of which steps read 1 (0 MB)"]),
        ("COPY . /", []),
        ("RUN --mount=target=/src true\nCOPY a.log /", []),
    ],
)
def test_contexts_that_are_mostly_not_read(copied: str, told: list[str]) -> None:
    tree = {"a.log": Entry("f", size=9), "big": Entry("f", size=200_000_000)}
    spec = "[target.app]\ncontext = 'x'\n"
    found = diagnostics(spec, {"/w/x/Dockerfile": f"FROM scratch\n{copied}\n"}, tree)
    assert [d.message for d in found if d.code == "large-context"] == told


LINES = st.sampled_from(
    [
        "FROM scratch AS b",
        "FROM a",
        "FROM x:$T AS c",
        "FROM --platform=$BUILDPLATFORM y",
        "ARG A=1 B",
        "ENV A=${B:-x}",
        "COPY --from=a / /",
        "COPY --from=0 $A /",
        "COPY <<E /x\n$Y\nE",
        "RUN a \\\n\n b",
        "RUN --mount=type=cache,target=$A x",
        "CMD a",
        'SHELL ["x"]',
        "WORKDIR r",
        "EXPOSE 1/UDP $P",
        "ONBUILD ENV a b",
        "# check=skip=all",
        "HEALTHCHECK NONE",
        "LABEL a b",
        "USER ${U:?no}",
        "VOLUME $V",
        "STOPSIGNAL $S",
        "ADD https://localhost/$A /",
    ]
)


@given(st.lists(LINES, max_size=12))
def test_any_dockerfile_ends_in_findings(lines: list[str]) -> None:
    text = "\n".join(["FROM scratch AS a", *lines])
    for diagnostic in diagnostics("[target.app]\nargs = { A = 'x' }\n", {"/w/Dockerfile": text}):
        assert diagnostic.span is not None and diagnostic.message
