"""Matrices and what names stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.errors import Diagnostic, Source
from bake.spec.document import Document, Place
from bake.spec.keys import COMBINATION_LIMIT
from bake.spec.layer import Layer
from bake.spec.matrix import Rule, combine
from bake.spec.resolve import Resolved

TEXT = """
[group]
web = ["main", "hello"]
nested = { targets = ["web", "lint", "main[distro=slim]"], description = "all of it" }
[target.hello]
[target.lint]
[target._template]
[target._abstract]
[target.main]
matrix.python = ["3.11", "3.12"]
matrix.distro = ["alpine", "slim"]
[target."odd/x"]
"""
MAINS = ("main-3.11-alpine", "main-3.11-slim", "main-3.12-alpine", "main-3.12-slim")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("hello",), ("hello",)),
        (("hello", "lint", "hello"), ("hello", "lint")),
        (("main",), MAINS),
        (("main-3.11-slim",), ("main-3.11-slim",)),
        (("main[python=3.11]",), MAINS[:2]),
        (("main[python=3.11,3.12,distro=slim]",), (MAINS[1], MAINS[3])),
        (("main[python=3.11,python=3.12,distro=slim]",), (MAINS[1], MAINS[3])),
        (("main[python=3.1*]",), MAINS),
        (("*-slim",), (MAINS[1], MAINS[3])),
        (("main*[distro=alpine]",), (MAINS[0], MAINS[2])),
        (("web",), (*MAINS, "hello")),
        (("nested",), (*MAINS, "hello", "lint")),
        (("web[python=3.12]",), MAINS[2:]),
        (("all",), ("hello", "lint", *MAINS)),
        ((), ("hello", "lint", *MAINS)),
        (("*",), ("hello", "lint", *MAINS)),
        (("_template",), ("_template",)),
        (("[hl]*",), ("hello", "lint")),
    ],
)
def test_names(baked: Callable[..., Resolved], names: Sequence[str], expected: Sequence[str]) -> None:
    text = TEXT.replace('[target."odd/x"]', "")
    assert baked(text, *names).requested == tuple(expected)


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("helo", "unknown-target", "did you mean `hello`?"),
        ("main-3.11-slm", "unknown-target", "did you mean `main-3.11-slim`?"),
        ("_*", "unknown-target", "globs never match templates"),
        ("z*", "unknown-target", None),
        ("main[pyton=3.11]", "unknown-axis", "did you mean `python`?"),
        ("main[distro=slin]", "unknown-axis-value", "did you mean `slim`?"),
        ("hello[a=b]", "unknown-axis", "it has no matrix"),
    ],
)
def test_names_that_are_none(
    refused: Callable[..., tuple[Diagnostic, ...]], name: str, code: str, hint: str | None
) -> None:
    text = TEXT.replace('[target."odd/x"]', "")
    found = refused(text, "hello", name)
    assert [(d.code, d.hint) for d in found] == [(code, hint)]
    assert found[0].span is not None and found[0].span.source.text == name


def rule(**axes: str) -> Rule:
    return Rule(axes, Layer(Place(Document(Source("t", ""), None), ())))


def test_include_adds_or_extends() -> None:
    extends, adds, again, partial_ = rule(a="1"), rule(a="9", b="9"), rule(a="9", b="9"), rule(b="7")
    found, idle, incomplete = combine({"a": ["1", "2"], "b": ["x"]}, [rule(b="y")], [extends, adds, again, partial_])
    assert [dict(each.axes) for each in found] == [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "9", "b": "9"}]
    assert [each.extra for each in found] == [[extends.layer], [], [adds.layer, again.layer]]
    assert [each.axes for each in idle] == [{"b": "y"}]
    assert incomplete == [partial_]


@given(
    st.lists(st.sampled_from("abcd"), unique=True, min_size=1, max_size=3).flatmap(
        lambda axes: st.fixed_dictionaries(
            {axis: st.lists(st.sampled_from("123"), unique=True, min_size=1, max_size=3) for axis in axes}
        )
    ),
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"), max_size=2), max_size=3),
)
def test_the_order_is_the_order_written(axes: dict[str, list[str]], exclude: list[dict[str, str]]) -> None:
    rules = [rule(**{axis: value for axis, value in each.items() if axis in axes}) for each in exclude]
    found, _, _ = combine(axes, rules, [])
    everything = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    kept = [p for p in everything if not any(all(p[a] == v for a, v in r.axes.items()) for r in rules)]
    assert [dict(each.axes) for each in found] == kept


def test_too_many_combinations_are_counted_not_made() -> None:
    with pytest.raises(ValueError, match=str(COMBINATION_LIMIT)):
        combine({"a": [str(i) for i in range(1000)], "b": [str(i) for i in range(1000)]}, [], [])


def test_default_names_are_made_valid(baked: Callable[..., Resolved]) -> None:
    text = '[target.t]\nmatrix = { os = ["linux/arm", "ubuntu:22.04"], n = [1, 2.10, true] }'
    assert baked(text).requested == (
        "t-linux-arm-1", "t-linux-arm-2.10", "t-linux-arm-true",
        "t-ubuntu-22.04-1", "t-ubuntu-22.04-2.10", "t-ubuntu-22.04-true",
    )  # fmt: skip


def test_axes_and_names_may_use_variables(baked: Callable[..., Resolved]) -> None:
    text = """
    variable.V = "3.12"
    [target._m]
    matrix.python = ["3.11", "${V}"]
    name = "${target.base}-py${python//./}"
    [target.a]
    inherits = ["_m"]
    [target.b]
    inherits = ["_m"]
    after = ["a"]
    contexts.a = "target:a-py${python//./}"
    contexts.one = "target:a[python=3.11]"
    """
    resolved = baked(text, "b")
    assert list(resolved.targets) == ["a-py311", "a-py312", "b-py311", "b-py312"]
    found = resolved.targets["b-py312"]
    assert found.after == ("a-py311", "a-py312")
    assert found.contexts == {"a": "target:a-py312", "one": "target:a-py311"}


def test_a_thousand_rules_do_not_multiply(baked: Callable[..., Resolved]) -> None:
    numbers = ",".join(f'"{i}"' for i in range(60))
    include = ",".join(f'{{ a = "{i}", b = "{i}", args = {{ I = "{i}" }} }}' for i in range(60))
    exclude = ",".join(f'{{ a = "{i}", b = "{j}" }}' for i in range(30) for j in range(30) if i != j)
    text = f"[target.t]\nmatrix = {{ a = [{numbers}], b = [{numbers}] }}\ninclude = [{include}]\nexclude = [{exclude}]"
    resolved = baked(text)
    assert len(resolved.targets) == 3600 - 30 * 29
    assert resolved.targets["t-7-7"].args == {"I": "7"}
