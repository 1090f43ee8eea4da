"""Ignore patterns: the vectors of reference/dockerfile.md §16.3, and an independent, slow oracle."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile import wildcards
from bake.dockerfile.ignore import BadPattern, Matcher, parse_patterns

TREE = ["r.md", "a/r.md", "a/b/r.md", "a/b/k.txt", "node_modules/keep.js", "node_modules/x/i.js", "src/n.log", ".hid"]


def left_out(text: str) -> set[str]:
    matcher = Matcher(parse_patterns(text))
    return {path for path in TREE if matcher.ignored(path)}


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("*.md", {"r.md"}),
        ("**/*.md", {"r.md", "a/r.md", "a/b/r.md"}),
        ("*\n!a/b", set(TREE) - {"a/b/k.txt", "a/b/r.md"}),
        ("a/**", {"a/r.md", "a/b/r.md", "a/b/k.txt"}),
        ("/a/b/\n!a/b/k.txt", {"a/b/r.md"}),
        ("node_modules\n!node_modules/keep.js", {"node_modules/x/i.js"}),
        ("**\n!src/*.log", set(TREE) - {"src/n.log"}),
        ("!a\n**/r.md", {"r.md", "a/r.md", "a/b/r.md"}),
        ("a/*/r.md", {"a/b/r.md"}),
        ("?.md\n.*", {"r.md", ".hid"}),
        ("**/b", {"a/b/r.md", "a/b/k.txt"}),
        ("# r.md\n\n  a/b  ", {"a/b/r.md", "a/b/k.txt"}),
        (" #x", set()),
        ("a/../r.md", {"r.md"}),
        ("foo/", set()),
        ("./a//b", {"a/b/r.md", "a/b/k.txt"}),
        ("[a-c]", {"a/r.md", "a/b/r.md", "a/b/k.txt"}),
        ("[^a]*", set(TREE) - {"a/r.md", "a/b/r.md", "a/b/k.txt"}),
        ("! a\n", set()),
        ("**/r.md\n!a/b", {"r.md", "a/r.md", "a/b/r.md"}),  # nothing leaves out a/b itself
        ("a\n!a/b/r.md\na/b", {"a/r.md", "a/b/k.txt"}),
    ],
)
def test_patterns_leave_out_what_mobys_do(text: str, out: set[str]) -> None:
    assert left_out(text) == out


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [("a\n[", "syntax error", 2), ("!", "illegal exclusion pattern", 1), ("a\n\nb\\", "syntax", 3)],
)
def test_malformed_patterns_are_errors_with_their_line(text: str, message: str, line: int) -> None:
    with pytest.raises(BadPattern, match=message) as caught:
        parse_patterns(text)
    assert caught.value.line == line


def test_ignored_directories_are_entered_only_for_exceptions() -> None:
    matcher = Matcher(("node_modules", "!node_modules/keep/*.js", "!**/deep.txt"))
    assert matcher.may_descend("node_modules")
    plain = Matcher(("node_modules", "!src/keep"))
    assert not plain.may_descend("node_modules")
    assert plain.may_descend("src")


names = st.text("ab.", min_size=1, max_size=2).filter(lambda s: s.strip("."))
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
pieces = st.sampled_from(["a", "b", "*", "**", "?", "a*", "*.b", "ab"])
patterns = st.tuples(st.booleans(), st.lists(pieces, min_size=1, max_size=3).map("/".join))


@given(st.lists(patterns, max_size=4), paths)
def test_agrees_with_an_oracle(rules: list[tuple[bool, str]], path: str) -> None:
    matcher = Matcher(tuple(("!" if exception else "") + pattern for exception, pattern in rules))
    parts = path.split("/")
    counting: set[int] = set()  # rules that matched a directory above where they made a difference
    verdict = False
    for prefix in ["/".join(parts[: n + 1]) for n in range(len(parts))]:
        verdict = False
        for number, (exception, pattern) in enumerate(rules):
            tried = exception is verdict and _oracle(pattern.split("/"), prefix.split("/"))
            if tried or number in counting:
                counting.add(number)
                verdict = not exception
    assert matcher.ignored(path) is verdict


def _oracle(pattern: list[str], path: list[str]) -> bool:
    """Component by component, with `**` as any number of components (at the end: at least one)."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(_oracle(pattern[1:], path[n:]) for n in range(len(path) + 1))
    if not path:
        return False
    regexp = "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in pattern[0])
    return re.fullmatch(regexp, path[0]) is not None and _oracle(pattern[1:], path[1:])


@given(
    st.lists(
        st.sampled_from(["a", "b", "*", "?", "[ab]", "^", "/", "**", "**/", "/**/", "\\a"]), min_size=4, max_size=12
    ),
    st.lists(st.sampled_from(["a", "b", "ab", "aab", "\n"]), min_size=1, max_size=5).map("/".join),
)  # fmt: skip
def test_many_leaps_fit_what_the_regular_expression_fits(parts: list[str], path: str) -> None:
    """Patterns with several `**` are walked; the expression that says the same may take for ever on long paths only."""
    tokens = list(wildcards._tokens("".join(parts)))
    fits = re.fullmatch("".join(text for _, text in tokens), path) is not None
    assert wildcards._walk(tokens, path) == fits
    shape = wildcards.shape_of("".join(parts))
    if shape.kind == "regexp":
        assert (re.fullmatch(shape.text, path) is not None) == fits
