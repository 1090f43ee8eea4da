import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.plan.glob import has_wildcard, matches


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*.md", "a.md", True),
        ("*.md", ".md", True),
        ("*", ".hidden", True),
        ("?", "é", True),
        ("?", "", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("[]a]", "]", True),
    ],
)
def test_matches_as_go_does(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@pytest.mark.parametrize("pattern", ["[a", "[", "a\\", "[^"])
def test_malformed_patterns_are_errors(pattern: str) -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        matches(pattern, "a")


@pytest.mark.parametrize(
    ("path", "has"), [("a/b", False), ("a/*", True), (r"a/\*", False), (r"a/\\*", True), ("[x", True)]
)
def test_escaped_wildcards_are_none(path: str, has: bool) -> None:
    assert has_wildcard(path) is has


@given(st.text("ab*?.", max_size=6), st.text("ab.", max_size=6))
def test_agrees_with_fnmatch_where_the_languages_agree(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)
