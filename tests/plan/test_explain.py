from typing import Any

import pytest

from bake.plan.decide import reason
from bake.plan.explain import explain
from bake.plan.key import key_of
from bake.plan.reason import Why

OLD = {
    "instruction": "RUN x",
    "parent": "p",
    "arg.V": "1",
    "env.PATH": "/bin",
    "source.0": "s",
    "file.a": "1",
    "file.b": "1",
}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"instruction": "RUN y"}, Why("instruction", "the instruction changed")),
        ({"arg.V": "2"}, Why("arg", "V: '1' → '2'")),
        ({"env.NEW": "x"}, Why("env", "NEW is new")),
        ({"env.PATH": None}, Why("env", "PATH is gone")),
        ({"source.0": "t", "file.a": "2"}, Why("file", "a changed")),
        ({"source.0": "t", "file.a": None, "file.c": "1"}, Why("file", "a removed, c added")),
        ({"parent": "q"}, Why("parent", "the step before it has a new result")),
        ({"parent": "q", "source.0": "t", "file.a": "2"}, Why("file", "a changed")),
        ({"arg.V": "2", "instruction": "RUN y"}, Why("instruction", "the instruction changed")),
        ({}, Why("evicted", "evicted: its result was removed from the store")),
    ],
)
def test_the_most_telling_difference_is_the_reason(changes: dict[str, str | None], why: Why) -> None:
    new = {name: value for name, value in {**OLD, **changes}.items() if value is not None}
    assert explain(OLD, new) == why


def test_many_files_are_counted() -> None:
    old = {f"file.{n}": "1" for n in range(9)}
    assert explain(old, {f"file.{n}": "2" for n in range(9)}).detail == "0 changed, 1 changed, 2 changed and 6 more"


def test_files_explain_a_key_but_do_not_make_it() -> None:
    assert key_of({"source.0": "s", "file.a": "1"}) == key_of({"source.0": "s"})


def test_parts_are_asked_for_only_when_there_is_something_to_compare() -> None:
    def never() -> Any:
        raise AssertionError

    assert reason(uncached=True, known=never, last=never, now=never).kind == "no-cache"
    assert reason(uncached=False, known=lambda: True, last=never, now=never).kind == "evicted"
    assert reason(uncached=False, known=lambda: False, last=lambda: None, now=never).kind == "never-built"
