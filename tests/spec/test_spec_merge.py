"""The one merge rule (SPEC §1), its laws, and what the peer gets wrong (reference/buildx-bake.md §8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bake.errors import Source
from bake.spec.document import Document, Place
from bake.spec.layer import Layer, Merged, merge, read_layer
from bake.spec.leaf import Leaf
from bake.spec.report import Report
from bake.spec.target import Target

SCALARS = st.fixed_dictionaries({}, optional={"context": st.sampled_from("abc"), "target": st.sampled_from("xyz")})
TABLES = st.fixed_dictionaries(
    {}, optional={"args": st.dictionaries(st.sampled_from("ABC"), st.sampled_from("123"), max_size=3)}
)
TAGS = st.lists(st.sampled_from(["x/a", "x/b", "x/c"]), max_size=3)
LISTS = st.fixed_dictionaries({}, optional={"tags": TAGS, "extend-tags": TAGS})
UNSET = st.fixed_dictionaries(
    {}, optional={"unset": st.lists(st.sampled_from(["args.A", "args", "tags", "context"]), max_size=2)}
)
TABLES_OF_KEYS = st.builds(
    lambda *parts: {k: v for part in parts for k, v in part.items()}, SCALARS, TABLES, LISTS, UNSET
)


def layer(table: dict[str, Any]) -> Layer:
    report = Report()
    read = read_layer(table, Place(Document(Source("t", ""), "/"), ()), report)
    assert not report
    return read


def plain(merged: Merged) -> dict[str, Any]:
    def one(written: Any) -> Any:
        if isinstance(written, Leaf):
            return written.value
        if isinstance(written, tuple):
            return [leaf.value for leaf in written]
        return {name: leaf.value for name, leaf in written.items()}

    return {name: one(written) for name, written in merged.items()}


def model(below: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """The rule, said once more in the plainest way."""
    found = dict(below)
    for path in table.get("unset", []):
        key, _, name = path.partition(".")
        if not name:
            found.pop(key, None)
        elif key in found:
            found[key] = {each: value for each, value in found[key].items() if each != name}
    for key in ("context", "target", "tags"):
        if key in table:
            found[key] = table[key]
    if "args" in table:
        found["args"] = found.get("args", {}) | table["args"]
    if "extend-tags" in table:
        found["tags"] = [*found.get("tags", []), *table["extend-tags"]]
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(TABLES_OF_KEYS, max_size=4))
def test_layers_merge_as_the_rule_says(tables: list[dict[str, Any]]) -> None:
    merged: Merged = {}
    expected: dict[str, Any] = {}
    for table in tables:
        before = plain(merged)
        result = merge(merged, layer(table))
        assert plain(merged) == before  # merging never writes to what it was given (traps 6, 7)
        merged, expected = result, model(expected, table)
    assert plain(merged) == expected


@given(TABLES_OF_KEYS)
def test_an_empty_layer_changes_nothing(table: dict[str, Any]) -> None:
    merged = merge({}, layer(table))
    assert plain(merge(merged, layer({}))) == plain(merged)


@given(st.builds(lambda *p: {k: v for part in p for k, v in part.items()}, SCALARS, TABLES))
def test_what_only_sets_can_be_laid_twice(table: dict[str, Any]) -> None:
    once = merge({}, layer(table))
    assert plain(merge(once, layer(table))) == plain(once)


def test_a_diamond_never_brings_back_the_grandparents_value(target: Callable[..., Target]) -> None:
    """Trap 8."""
    text = """
    [target._base]
    args = { V = "base", W = "base" }
    [target._a]
    inherits = ["_base"]
    args.V = "a"
    [target._b]
    inherits = ["_base"]
    args.W = "b"
    [target.t]
    inherits = ["_a", "_b"]
    """
    assert target(text).args == {"V": "a", "W": "b"}


def test_the_first_parent_wins(target: Callable[..., Target]) -> None:
    text = """
    [target._a]
    context = "a"
    [target._b]
    context = "b"
    [target.t]
    inherits = ["_a", "_b"]
    """
    assert target(text).context == "a"


def test_lists_replace_extend_and_clear(target: Callable[..., Target]) -> None:
    text = """
    [defaults]
    tags = ["x/default"]
    secret = [{ id = "a", src = "1" }, { id = "b" }]
    [target._p]
    extend-tags = ["x/p"]
    [target.t]
    inherits = ["_p"]
    extend-tags = ["x/t", "x/p"]
    extend-secret = ["id=a,src=2"]
    [target.u]
    inherits = ["_p"]
    tags = []
    unset = ["secret"]
    """
    found = target(text)
    assert found.tags == ("x/default", "x/p", "x/t")
    assert found.secret == ({"id": "a", "src": "2"}, {"id": "b"})
    assert str(found.span("secret[0]")) == "bake.toml:10:22"
    other = target(text, "u")
    assert (other.tags, other.secret) == ((), ())


def test_defaults_profiles_and_order(target: Callable[..., Target]) -> None:
    text = """
    [defaults]
    args = { A = "defaults", B = "defaults", C = "defaults" }
    [target._p]
    args = { B = "parent", C = "parent" }
    [target.t]
    inherits = ["_p"]
    args = { C = "own" }
    [profile.one]
    defaults.args = { A = "one", D = "one" }
    target._p.args.B = "one"
    target.t.args.C = "one"
    [profile.two]
    target.t.args = { C = "two" }
    target.t.unset = ["args.D"]
    """
    assert target(text).args == {"A": "defaults", "B": "parent", "C": "own"}
    assert target(text, profiles=("one",)).args == {"A": "one", "B": "one", "C": "one", "D": "one"}
    assert target(text, profiles=("one", "two")).args == {"A": "one", "B": "one", "C": "two"}
    assert target(text, profiles=("two", "one")).args == {"A": "one", "B": "one", "C": "one"}


def test_a_profile_changes_the_matrix_and_the_groups(baked: Callable[..., Any]) -> None:
    text = """
    [target.main]
    matrix.python = ["3.11"]
    [target.other]
    [profile.hub]
    target.main.matrix.python = ["3.12", "3.13"]
    group.default = ["other"]
    """
    assert baked(text, "main").requested == ("main-3.11",)
    assert baked(text, "main", profiles=("hub",)).requested == ("main-3.12", "main-3.13")
    assert baked(text).requested == ("main-3.11", "other")
    assert baked(text, profiles=("hub",)).requested == ("other",)
