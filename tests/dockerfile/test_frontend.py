"""`# syntax=`: which front ends are ours, and where another one is refused."""

from __future__ import annotations

import pytest

from bake.dockerfile.frontend import ForeignFrontend, check_frontend, is_standard
from bake.errors import InputError, Source


@pytest.mark.parametrize(
    "syntax",
    [
        "docker/dockerfile:1",
        "docker/dockerfile",
        "docker/dockerfile:1.7",
        "docker/dockerfile:1-labs",
        "docker/dockerfile:1.7-labs",
        "docker/dockerfile:1.7.1",
        "docker/dockerfile:experimental",
        "docker.io/docker/dockerfile:1",
        "index.docker.io/docker/dockerfile:1",
        "docker/dockerfile-upstream:master",
        "docker.io/docker/dockerfile-upstream:master-labs",
        "docker/dockerfile:1@sha256:" + "a" * 64,
        "mirror.example.com:5000/cache/docker/dockerfile:1",
        "docker/dockerfile:1 --an option",
    ],
)
def test_the_standard_front_end_is_taken(syntax: str) -> None:
    assert is_standard(syntax)
    check_frontend(Source("Dockerfile", f"# syntax={syntax}\nFROM scratch\n"), None, None)


@pytest.mark.parametrize(
    "syntax",
    ["me/dockerfile:1", "docker/dockerfiles", "dockerfile", "localhost:5000/docker/other", "Not a Reference", "x@y"],
)
def test_another_one_is_refused_at_its_place(syntax: str) -> None:
    text = f"# escape=`\n#  Syntax = {syntax}  \nthis is none of our business\n"
    with pytest.raises(InputError) as caught:
        check_frontend(Source("app.Dockerfile", text), None, None)
    (found,) = caught.value.diagnostics
    assert found.code == "foreign-frontend"
    assert str(found.span) == "app.Dockerfile:2:1"
    assert syntax.split()[0] in found.message
    assert "--engine buildkit --builder" in (found.hint or "")


def test_a_build_argument_replaces_the_line() -> None:
    source = Source("Dockerfile", "# syntax=me/mine\nFROM scratch\n")
    check_frontend(source, "docker/dockerfile:1", None)
    place = Source("bake.toml", "args = 1").span(0)
    with pytest.raises(InputError) as caught:
        check_frontend(Source("Dockerfile", "FROM scratch\n"), "me/mine", place)
    assert caught.value.diagnostics[0].span == place


def test_what_only_looks_like_it_is_a_comment() -> None:
    check_frontend(Source("Dockerfile", "# hello\n# syntax=me/mine\nFROM scratch\n"), None, None)
    check_frontend(Source("Dockerfile", "FROM scratch\n# syntax=me/mine\n"), None, None)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("// syntax=me/mine\nanything: {", "1:1"),
        ("#!/usr/bin/env bake\n//  syntax = me/mine\n", "2:1"),
        ('{"steps": [], "syntax": "me/mine"}', "1:1"),
    ],
)
def test_other_languages_have_other_comments(text: str, place: str) -> None:
    with pytest.raises(ForeignFrontend) as caught:
        check_frontend(Source("spec", text), None, None)
    assert str(caught.value.frontend.span) == f"spec:{place}"
    assert caught.value.frontend.image == "me/mine"


def test_json_that_is_none_is_left_to_the_parser() -> None:
    check_frontend(Source("Dockerfile", '{"syntax": "me/mine"'), None, None)
    check_frontend(Source("Dockerfile", '{"syntax": 1}'), None, None)
