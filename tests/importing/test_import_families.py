"""Any family of targets resolves, once imported, to what the peer's rule gives: parents from left to right, the later
wins, own keys last; some lists are appended to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bake.errors import Source
from bake.importing.convert import convert
from bake.spec.print import to_print
from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.workspace import Spec, load

VALUES = st.sampled_from("xyz")
OWN = st.fixed_dictionaries(
    {},
    optional={
        "args": st.dictionaries(st.sampled_from("AB"), VALUES, min_size=1),
        "target": VALUES,
        "no-cache-filter": st.lists(VALUES, min_size=1, max_size=2, unique=True),
        "secret": st.dictionaries(st.sampled_from("st"), VALUES, min_size=1),
    },
)
Family = list[tuple[list[int], dict[str, Any]]]


@st.composite
def families(draw: st.DrawFn) -> Family:
    """For each target the numbers of its parents, all smaller, and its own keys."""
    found: Family = []
    for number in range(draw(st.integers(1, 7))):
        earlier = st.lists(st.integers(0, number - 1), max_size=3, unique=True) if number else st.just([])
        found.append((draw(earlier), draw(OWN)))
    return found


def peer(family: Family, number: int) -> dict[str, Any]:
    parents, own = family[number]
    found: dict[str, Any] = {}
    for each in [*(peer(family, parent) for parent in parents), own]:
        for key, value in each.items():
            if isinstance(value, dict):
                value = {**found.get(key, {}), **value}
            elif isinstance(value, list):
                value = [*found.get(key, []), *(one for one in value if one not in found.get(key, []))]
            found[key] = value
    return found


def listed(texts: Iterable[str]) -> str:
    return json.dumps(list(texts))


def written(family: Family) -> str:
    blocks = []
    for number, (parents, own) in enumerate(family):
        lines = ["inherits = " + listed(f"t{parent}" for parent in parents)]
        for key, value in own.items():
            if key == "secret":
                lines.append("secret = " + listed(f"id={name},env={each}" for name, each in value.items()))
            else:
                lines.append(f"{key} = {json.dumps(value)}")
        blocks.append(f'target "t{number}" {{\n  ' + "\n  ".join(lines) + "\n}\n")
    return "".join(blocks)


@settings(max_examples=150, deadline=None)
@given(families())
def test_families(family: Family) -> None:
    text = convert(Source("docker-bake.hcl", written(family))).text
    spec = load("/x/bake.toml", {"/x/bake.toml": Source("bake.toml", text)}, {})
    assert isinstance(spec, Spec)
    printed = to_print(resolve(spec, Request(names=("all",), platform="linux/amd64")))["target"]
    for number in range(len(family)):
        found = {key: value for key, value in printed[f"t{number}"].items() if key in ("args", "target")}
        found["no-cache-filter"] = sorted(printed[f"t{number}"].get("no-cache-filter", []))
        found["secret"] = {each["id"]: each["env"] for each in printed[f"t{number}"].get("secret", [])}
        expected = {"secret": {}, "no-cache-filter": [], **peer(family, number)}
        expected["no-cache-filter"] = sorted(expected["no-cache-filter"])
        assert found == expected
