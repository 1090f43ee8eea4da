"""Which steps `TARGET[:STAGE[.N]]` names."""

from __future__ import annotations

import pytest

from bake.app.selection import Address, addresses_of
from bake.errors import Diagnostic, InputError
from bake.events import StepReport

GROUPS = {"both": ("api:one", "two"), "m[v=1:2]": ("m-1",)}


def expand(name: str) -> tuple[str, ...]:
    if name not in GROUPS:
        raise InputError(Diagnostic("unknown-target", name))
    return GROUPS[name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("two", [("two", None)]),
        ("two:build", [("two", "build")]),
        ("two:build.3", [("two", "build.3")]),
        ("api:one", [("api:one", None)]),
        ("api:one:build", [("api:one", "build")]),
        ("both", [("api:one", None), ("two", None)]),
        ("both:0.1", [("api:one", "0.1"), ("two", "0.1")]),
        ("m[v=1:2]", [("m-1", None)]),
        ("m[v=1:2]:0", [("m-1", "0")]),
    ],
)
def test_reading(text: str, found: list[tuple[str, str | None]]) -> None:
    assert [(a.target, a.stage) for a in addresses_of(text, {"two", "api:one"}, expand)] == found


def test_what_names_nothing_is_told_as_written() -> None:
    with pytest.raises(InputError, match=r"^nix:build\.1$"):
        addresses_of("nix:build.1", {"two"}, expand)


@pytest.mark.parametrize(
    ("stage", "named"),
    [(None, True), ("py-3.11", True), ("py-3.11.2", True), ("py-3", False), ("py-3.11.1", False), ("", False)],
)
def test_stages_may_end_in_a_number(stage: str | None, named: bool) -> None:
    step = StepReport(
        id="x", targets=("a", "b"), platform="p", stage="py-3.11", ordinal=2, instruction="RUN x", status="run"
    )
    assert Address("b", stage).names(step) is named
    assert not Address("c", stage).names(step)
