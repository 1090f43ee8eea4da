"""Single patterns against an oracle that tries every way, and the corners of moby's and Go's grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.ignore import BadPattern, Matcher, parse_patterns
from bake.dockerfile.wildcards import any_of, shape_of


def fits(pattern: str, path: str) -> bool:
    return any_of([shape_of(pattern)])(path)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("**/foo", ["foo", "a/foo", "a/b/foo"], ["xfoo", "foo/a"]),
        ("**foo", ["foo", "xfoo", "a/foo"], ["foob"]),
        ("foo**", ["foo", "foox", "foo/a/b"], ["xfoo"]),
        ("foo/**", ["foo/a", "foo/a/b"], ["foo", "foox"]),
        ("**", ["a", "a/b", ".c"], []),
        ("a**b", ["ab", "ax/b", "a/b"], ["axb"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("**/*", ["a", "a/b"], []),
        ("**/*.md", ["a.md", "b/a.md"], ["a.mdx"]),
        ("*", ["a", ".a"], ["a/b"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["a/bc", "ab", "abcd"]),
        ("***", ["a", "a/b"], []),
        ("?", ["a", "é"], ["", "ab", "/"]),
        ("[a-c]x", ["ax", "bx"], ["dx", "x"]),
        ("[^a-c]x", ["dx", "/x"], ["ax"]),
        ("[\\]]", ["]"], ["\\"]),
        ("[a\\-z]", ["a", "-", "z"], ["b"]),
        ("[*]", ["*"], ["a"]),
        ("\\*", ["*"], ["a", "\\*"]),
        ("a.b", ["a.b"], ["axb"]),
        ("(a|b)+{c}$", ["(a|b)+{c}$"], ["a"]),
        ("a^b", ["a^b"], ["ab"]),
        ("*^b", ["b"], ["a^b", "ab"]),
        ("A", ["A"], ["a"]),
        ("]*", ["]", "]a"], ["a"]),
    ],
)
def test_a_pattern_fits(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not fits(pattern, path)] == []
    assert [path for path in no if fits(pattern, path)] == []


@pytest.mark.parametrize(
    "pattern", ["[", "[]", "[]a]", "[a", "[^]", "[-a]", "[a-]", "[b-a]", "[\\", "a\\", "a[", "[a-\\"]
)
def test_what_gos_match_refuses(pattern: str) -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        shape_of(pattern)


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("a/\n./b\nc//d\ne/../f\n", ("a", "b", "c/d", "f")),
        ("/a\n//b\n/\n", ("a", "b", "/")),
        ("! /a \n!./b/\n", ("!a", "!b")),
        ("\ufeff#x\n#y\n #z\n", ("#z",)),
        ("a\r\n\r\nb\r\n", ("a", "b")),
        ("a\x0cb\n\x0c\n", ("a\x0cb",)),
        ("..\n.\n", ("..", ".")),
    ],
)
def test_lines_are_cleaned(text: str, patterns: tuple[str, ...]) -> None:
    assert parse_patterns(text) == patterns


def test_flags_are_not_cut_at_their_slash() -> None:
    assert not Matcher(["/a"]).ignored("a")
    assert Matcher(["./a/"]).ignored("a/b")


def every_way(pattern: str, path: str) -> bool:
    """One character or wildcard after the other, all choices tried."""
    if not pattern:
        return not path
    if pattern.startswith("**"):
        rest = pattern[3:] if pattern[2:3] == "/" else pattern[2:]
        if not rest:
            return True
        return every_way(rest, path) or any(
            path[n - 1] == "/" and every_way(rest, path[n:]) for n in range(1, len(path) + 1)
        )
    if pattern[0] == "*":
        length = len(path.partition("/")[0])
        return any(every_way(pattern[1:], path[n:]) for n in range(length + 1))
    if not path or (pattern[0] == "?" and path[0] == "/"):
        return False
    return pattern[0] in ("?", path[0]) and every_way(pattern[1:], path[1:])


@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "*a"]), min_size=1, max_size=7).map("".join),
    st.text("ab/", min_size=1, max_size=8),
)
def test_agrees_with_every_way(pattern: str, path: str) -> None:
    suffix = pattern[2:] if pattern.startswith("**") else ""
    if suffix and not set(suffix) & set("*?"):
        wanted = path.endswith(suffix) or (suffix[0] == "/" and path == suffix[1:])
    else:
        wanted = every_way(pattern, path)
    assert fits(pattern, path) is wanted


names = st.text("ab", min_size=1, max_size=2)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
globs = st.lists(st.sampled_from(["a", "b", "a*", "?", "*", "**", "[ab]", "[^a]"]), min_size=1, max_size=4).map(
    "/".join
)


@given(st.lists(st.tuples(st.sampled_from(["", "!"]), globs).map("".join), max_size=5), paths)
def test_a_directory_that_holds_an_exception_is_entered(patterns: list[str], path: str) -> None:
    matcher = Matcher(patterns)
    parts = path.split("/")
    above = ["/".join(parts[:n]) for n in range(1, len(parts))]
    if not matcher.ignored(path):
        assert all(matcher.may_descend(directory) for directory in above if matcher.ignored(directory))


@given(st.lists(st.tuples(st.sampled_from(["", "!"]), globs).map("".join), max_size=5), st.lists(paths, max_size=5))
def test_what_was_asked_before_changes_nothing(patterns: list[str], asked: list[str]) -> None:
    matcher = Matcher(patterns)
    assert [matcher.ignored(path) for path in asked] == [Matcher(patterns).ignored(path) for path in asked]


@given(st.text("ab*?[]^-!\\/# .\n\u2028"))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        patterns = parse_patterns(text)
    except BadPattern as error:
        assert 0 < error.line <= text.count("\n") + 1
        return
    assert isinstance(Matcher(patterns).ignored("a/b"), bool)
    assert isinstance(Matcher(patterns).may_descend("a"), bool)


def test_many_stars_do_not_backtrack() -> None:
    assert not fits("*a*a*a*a*a*a*a*a*b", "a" * 250)
    assert not Matcher(["*a*a*a*a*a*a*a*a*b"]).ignored("x/" + "a" * 250)
