"""`type` and `validation` of a variable become `pattern` and `required`, where these say the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bake.cli import main

Import = Callable[..., Any]


def variable(condition: str, default: str = '"a"') -> str:
    return (
        f'variable "V" {{\n  default = {default}\n  validation {{\n    condition = {condition}\n'
        '    error_message = "no"\n  }\n}\ntarget "x" { args = { V = V } }\n'
    )


@pytest.mark.parametrize(
    ("condition", "good", "bad"),
    [
        ('V == "a" || V == "b"', "b", "c"),
        ('contains(["a", "b.c"], V)', "b.c", "bxc"),
        ('V != "b"', "bb", "b"),
        ('notequal(V, "b") && V != "c"', "d", "c"),
        ('can(regex("^[a-z]+$", V))', "abc", "a1"),
        ('can(regex("^a|z", V))', "xz", "b"),
        ('!contains(["b"], V)', "c", "b"),
        ('"${V != ""}"', "z", None),
        ('V == "a" || equal("b", V)', "b", "ab"),
    ],
)
def test_conditions(
    bring: Import, capsys: pytest.CaptureFixture[str], condition: str, good: str, bad: str | None
) -> None:
    found = bring(variable(condition) + GROUP)
    assert found.notes == []
    assert found.print()["x"]["args"] == {"V": "a"}
    assert found.print("--var", f"V={good}")["x"]["args"] == {"V": good}
    if bad is not None:
        assert main(["print", "--var", f"V={bad}"]) == 2
        assert "pattern" in capsys.readouterr().err


GROUP = 'group "default" { targets = ["x"] }\n'


@pytest.mark.parametrize(
    "condition",
    ["length(V) > 2", 'V == W || V == "a"', 'V == "other"', 'can(regex("(?P<", V))', "true", "V"],
)
def test_others_are_noted(bring: Import, condition: str) -> None:
    found = bring('variable "W" { default = "w" }\n' + variable(condition) + GROUP)
    assert found.codes == ["4 validation"]
    assert found.print("--var", "V=zzz")["x"]["args"] == {"V": "zzz"}


def test_messages_are_carried_as_help_or_noted(bring: Import, capsys: pytest.CaptureFixture[str]) -> None:
    two = variable('V != "b"').replace('  validation {', '  validation {\n    condition = V != "c"\n'
        '    error_message = "never ${V}"\n  }\n  validation {', 1)  # fmt: skip
    found = bring(two.replace('"never ${V}"', '"never c"') + GROUP)
    assert 'help = "never c"' in found.text and found.codes == ["9 validation"]
    assert main(["print", "--var", "V=c"]) == 2
    assert "hint: never c (the whole value must match)" in capsys.readouterr().err
    assert "`error_message` of variable `V` is left out" in found.notes[0]
    described = variable('V != "b"').replace("  default", '  description = "what it is"\n  default', 1)
    found = bring(described + GROUP)
    assert 'help = "what it is"' in found.text and found.codes == ["6 validation"]


def test_a_value_that_must_be_given(bring: Import, capsys: pytest.CaptureFixture[str]) -> None:
    found = bring(variable('V != ""', '""') + GROUP)
    assert 'V = { env = "V", required = true, help = "no" }' in found.text
    assert main(["print"]) == 2
    assert "`V`" in capsys.readouterr().err
    assert found.print("--var", "V=1")["x"]["args"] == {"V": "1"}


@pytest.mark.parametrize(
    ("kind", "default", "good", "bad"),
    [
        ("number", "1.5", "-2", "two"),
        ("bool", "true", "false", "yes"),
        ("number", None, "2", None),
        ("string", '"x"', "anything", None),
    ],
)
def test_types(
    bring: Import, capsys: pytest.CaptureFixture[str], kind: str, default: str | None, good: str, bad: str | None
) -> None:
    line = f"default = {default}" if default else 'description = "what it is"'
    found = bring(f'variable "V" {{\n  type = {kind}\n  {line}\n}}\ntarget "x" {{ args = {{ V = V }} }}\n' + GROUP)
    assert found.print("--var", f"V={good}")["x"].get("args", {"V": good}) == {"V": good}
    if bad is not None:
        assert main(["print", "--var", f"V={bad}"]) == 2
        assert "pattern" in capsys.readouterr().err
    if default is None:
        assert 'help = "what it is"' in found.text


def test_a_type_in_json(bring: Import) -> None:
    text = '{"variable": {"V": {"type": "number", "default": 3}}, "target": {"default": {"args": {"V": "${V}"}}}}'
    found = bring(text, "docker-bake.json")
    assert found.print() == {"default": {"args": {"V": "3"}}}
    assert "pattern" in found.text


def test_lists_by_type_are_noted(bring: Import) -> None:
    found = bring('variable "V" {\n  type = list(string)\n}\ntarget "x" { tags = V }\n')
    assert found.codes == ["2 compound-variable", "4 fixed-value"]
