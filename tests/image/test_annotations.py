"""Annotations: the peer's keys, which level and platform they mean, and which of several wins."""

from __future__ import annotations

import pytest

from bake.image.annotations import Annotation, foreign, parse_annotation, parse_option, select
from bake.oci.platform import Platform

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("k", [("manifest", "k", None)]),
        ("com.example:key", [("manifest", "com.example:key", None)]),
        ("index:k", [("index", "k", None)]),
        ("index,manifest:a:b", [("index", "a:b", None), ("manifest", "a:b", None)]),
        ("manifest[linux/arm64]:k", [("manifest", "k", ARM)]),
        ("manifest[linux/arm64],index-descriptor:k", [("manifest", "k", ARM), ("index-descriptor", "k", None)]),
        ("manifest-descriptor[linux/amd64]:k", [("manifest-descriptor", "k", AMD)]),
    ],
)
def test_keys_of_the_table(written: str, expected: list[tuple[str, str, Platform | None]]) -> None:
    found = parse_annotation(written, "v")
    assert [(row.level, row.key, row.platform) for row in found] == expected
    assert {row.value for row in found} == {"v"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("annotation.k", Annotation("manifest", "k", "v")),
        ("annotation.a.b", Annotation("manifest", "a.b", "v")),
        ("annotation-index.k", Annotation("index", "k", "v")),
        ("annotation-manifest-descriptor[linux/arm64].k", Annotation("manifest-descriptor", "k", "v", ARM)),
        ("annotation[linux/arm64].k", Annotation("manifest", "k", "v", ARM)),
        ("compression", None),
    ],
)
def test_options_of_an_output(name: str, expected: Annotation | None) -> None:
    assert parse_option(name, "v") == expected


@pytest.mark.parametrize("written", ["layer:k", "index[linux/amd64]:k", "manifest[x y]:k"])
def test_what_cannot_be(written: str) -> None:
    with pytest.raises(ValueError):
        parse_annotation(written, "v")


def test_the_platforms_own_wins() -> None:
    rows = [Annotation("manifest", "k", "arm", ARM), Annotation("manifest", "k", "all"), Annotation("index", "i", "x")]
    assert select(rows, "manifest", ARM) == {"k": "arm"}
    assert select(rows, "manifest", AMD) == {"k": "all"}
    assert select(rows, "index") == {"i": "x"}
    assert select(rows, "index-descriptor") is None
    assert foreign(rows, [AMD]) == rows[0]
    assert foreign(rows, [AMD, ARM]) is None
