"""The `pattern` of a variable says what Python's regular expressions say, in time that does not explode."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.errors import Diagnostic
from bake.spec.patterns import Pattern

HOSTILE = [
    ("(a+)+", "a" * 1_000 + "!"),
    ("(a|a)*", "a" * 1_000 + "!"),
    ("(a|aa)+$", "a" * 1_000 + "!"),
    (r"([a-z]+)*\d", "a" * 1_000),
    ("a*" * 30 + "b", "a" * 500),
    ("(?=(a+)+b)a*", "a" * 500),
    (r"(\d+(\.\d+)?(ms|s|m)?)+", "1" * 1_000 + "!"),
    ("((a{0,20}){0,20})b", "a" * 300),
]


@pytest.mark.parametrize(("pattern", "value"), HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_takes_forever(pattern: str, value: str) -> None:
    """They would outlast the universe; the test's own limit is the suite's."""
    try:
        assert not Pattern(pattern).fits(value)
    except ValueError as error:
        assert "too long" in str(error)


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?>a+)b", "a++b", "(a)?(?(1)b|c)", "(a{1000}){1000}", "[0-9", "a**"])
def test_what_cannot_be_matched_in_good_time_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"it |unterminated|repeat"):
        Pattern(pattern)


EVERYDAY = [
    r"\d+\.\d+\.\d+", r"[a-z0-9]+(-[a-z0-9]+)*", r"v?\d+(\.\d+){0,2}", "(?i)debug|release", "(?!latest).*", r"\w+\b.*",
    r"^a.c$", r"(?s)a.b", r"(?m)^a$\nb", r"a(?<=a)b", r"(?<!a)b", r"(?i:AB)c", r"[^/]+/[^:]+(:[\w.-]+)?", "", "a{2,3}?",
    "(?x) a b # c", r"\Aab\Z", "(a|b|)c*", "(?P<x>a)b",
]  # fmt: skip
VALUES = ["", "a", "b", "ab", "aa", "aaa", "abc", "ABc", "1.2", "1.2.3", "v1", "a-b", "a--b", "Debug", "latest",
          "latest2", "a\nb", "a\n", "a.c", "x/y:z", "é", "acc", "\nb"]  # fmt: skip


@pytest.mark.parametrize("pattern", EVERYDAY)
def test_everyday_patterns(pattern: str) -> None:
    for value in VALUES:
        assert Pattern(pattern).fits(value) == bool(re.fullmatch(pattern, value)), value


_ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\b", "^", "$", "(?=a)", "(?!b)", "(?<=a)", r"\B"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}?"])),
        st.builds("(?i:{})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(_PATTERNS, st.text("abAc\n", max_size=6))
def test_as_python_does(pattern: str, value: str) -> None:
    assert Pattern(pattern).fits(value) == bool(re.fullmatch(pattern, value))


def test_in_a_spec(refused: Callable[..., tuple[Diagnostic, ...]]) -> None:
    target = "[target.t]\nargs.A = '${A}'\n"
    text = f"[variable]\nA = {{ default = '{'a' * 40}!', pattern = '(a+)+$' }}\n{target}"
    (found,) = refused(text, "t")
    assert (found.code, found.span and found.span.line) == ("pattern-mismatch", 2)
    (found,) = refused(text.replace("(a+)+$", r"(a)\1"), "t")
    assert (found.code, found.span and found.span.line) == ("bad-pattern", 2)
    assert "refers back to a group" in found.message
    (found,) = refused(text.replace("a" * 40, "a" * 1_000_000), "t")
    assert "too long to be compared" in found.message
    assert len(found.message) < 1_000
