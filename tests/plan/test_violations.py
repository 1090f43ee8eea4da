"""`# check=error=true` keeps a Dockerfile that meets a rule from being built and planned, as BuildKit does."""

from __future__ import annotations

import pytest

from bake.errors import InputError
from bake.oci.model import ImageConfig, RunConfig
from tests.support.compiling import compile_targets, target


def errors(text: str, **keys: object) -> list[str]:
    """`LINE code` of each."""
    images = {"localhost:1/base": ImageConfig("amd64", "linux", config=RunConfig(env=["HOME=/root"]))}
    try:
        compile_targets(target("app", text, **keys), images=images)
    except InputError as error:
        return [f"{each.span.line if each.span else 0} {each.code}" for each in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM scratch AS Build\n", []),
        ("# check=error=false\nFROM scratch AS Build\n", []),
        ("# check=error=true\nFROM scratch AS build\n", []),
        ("# check=error=true\nFROM scratch AS Build\n", ["2 stage-name-casing", "1 lint-violation"]),
        ("# check=skip=StageNameCasing;error=true\nFROM scratch AS Build\n", []),
        ("# check=skip=all;error=true\nFROM scratch AS Build\nCMD a\n", []),
        ("# check=error=true\n# check=skip=StageNameCasing\nFROM scratch AS Build\n", ["2 repeated-directive"]),
        ("# check=error=true\n\n# check=skip=StageNameCasing\nFROM scratch AS Build\n", []),
        ("# check=error=true\nFROM scratch\nCMD a\n", ["3 json-args-recommended", "1 lint-violation"]),
        ("# check=error=true\nFROM scratch\nENV A=$B\n", ["3 undefined-var", "1 lint-violation"]),
        ("# check=error=true\nFROM localhost:1/base\nENV A=$HOME\n", []),
        ("# check=error=true\nFROM localhost:1/base\nENV A=$HOMEDIR\n", ["3 undefined-var", "1 lint-violation"]),
        ("# check=eror=true\nFROM scratch AS Build\n", ["1 bad-check-option"]),
        ("# check=error=perhaps\nFROM scratch\n", ["1 bad-check-option"]),
    ],
)
def test_what_fails(text: str, found: list[str]) -> None:
    assert errors(text) == found


def test_instructions_of_stages_that_are_not_built_do_not_count() -> None:
    """Their names and cases do, since those are looked at while parsing."""
    text = "# check=error=true\nFROM scratch AS other\nCMD a\nENV TOKEN=$x\nFROM scratch\n"
    assert errors(text) == []
    assert errors(text, target="other") == [
        "3 json-args-recommended",
        "4 secrets-used-in-arg-or-env",
        "4 undefined-var",
        "1 lint-violation",
    ]
    assert errors("# check=error=true\nFROM scratch AS Other\nFROM scratch\n")[0] == "2 stage-name-casing"


def test_our_own_rules_never_fail_a_build() -> None:
    text = (
        "# check=error=true\nFROM localhost:1/base AS old\nFROM localhost:1/base\nCOPY . /\nRUN apt-get install -y x\n"
    )
    assert errors(text) == []


def test_the_build_argument_replaces_the_line() -> None:
    assert errors("FROM scratch AS Build\n", args={"BUILDKIT_DOCKERFILE_CHECK": "error=true"}) == [
        "1 stage-name-casing",
        "0 lint-violation",
    ]
    strict = "# check=error=true\nFROM scratch AS Build\n"
    assert errors(strict, args={"BUILDKIT_DOCKERFILE_CHECK": "error=false"}) == []


def test_the_standard_front_end_is_ours() -> None:
    assert errors("# syntax=docker/dockerfile:1.7-labs\nFROM scratch\n") == []


def test_the_message_is_that_of_buildkit() -> None:
    with pytest.raises(InputError) as caught:
        compile_targets(target("app", "# check=error=true\nFROM scratch AS Build\nCMD a\n"))
    assert caught.value.diagnostics[-1].message == (
        "lint violation found for rules: StageNameCasing, JSONArgsRecommended"
    )
