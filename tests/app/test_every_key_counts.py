"""No key is ignored in silence: each is read by what builds, or refused or told of in `bake.app.later`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bake.spec.keys import FIELD_KEYS

SOURCE = Path(__file__).parents[2] / "bake"
BUILDS = ("plan", "solve", "engine", "image", "export", "app", "render")


def read_attributes() -> set[str]:
    return {
        node.attr
        for package in BUILDS
        for path in (SOURCE / package).rglob("*.py")
        if path.name != "later.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }


ATTRIBUTES = read_attributes()


@pytest.mark.parametrize("name", sorted(set(FIELD_KEYS) - {"description"}))
def test_a_build_reads_it_or_says_that_it_does_not(name: str) -> None:
    """`description` is for `bake list`."""
    assert FIELD_KEYS[name].field_name in ATTRIBUTES
