"""Patterns against a slow oracle that tries every prefix, suffix and place; and Go's odd corners."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.words import WordError, expand

patterns = st.text("ab*?.\n", max_size=6)
values = st.text("ab.\n", max_size=9)


def fits(pattern: str, text: str) -> bool:
    """Character by character; neither `*` nor `?` takes a newline."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        longest = text.find("\n") if "\n" in text else len(text)
        return any(fits(rest, text[n:]) for n in range(longest + 1))
    return bool(text) and (head == text[0] or (head == "?" and text[0] != "\n")) and fits(rest, text[1:])


def by(form: str, value: str, pattern: str, replacement: str = "") -> str:
    return expand(form, {"v": value, "p": pattern, "r": replacement}).text


@given(patterns, values)
def test_trimming_takes_the_shortest_and_the_longest(pattern: str, value: str) -> None:
    heads = [n for n in range(len(value) + 1) if fits(pattern, value[:n])] or [0]
    tails = [n for n in range(len(value) + 1) if fits(pattern, value[len(value) - n :])] or [0]
    assert by("${v#$p}", value, pattern) == value[min(heads) :]
    assert by("${v##$p}", value, pattern) == value[max(heads) :]
    assert by("${v%$p}", value, pattern) == value[: len(value) - min(tails)]
    assert by("${v%%$p}", value, pattern) == value[: len(value) - max(tails)]


def leftmost(pattern: str, value: str, start: int) -> tuple[int, int] | None:
    for at in range(start, len(value) + 1):
        ends = [end for end in range(at, len(value) + 1) if fits(pattern, value[at:end])]
        if ends:
            return at, max(ends)
    return None


@given(patterns, values)
def test_replacing_takes_the_leftmost_and_there_the_longest(pattern: str, value: str) -> None:
    found = leftmost(pattern, value, 0)
    once = f"{value[: found[0]]}_{value[found[1] :]}" if found else value
    assert by("${v/$p/_}", value, pattern) == once


@given(patterns, values)
def test_replacing_all_walks_as_gos_regexps_do(pattern: str, value: str) -> None:
    out, search, last = "", 0, 0
    while search <= len(value) and (found := leftmost(pattern, value, search)):
        out += value[last : found[0]]
        if found[1] > last or found[0] == 0:
            out += "_"
        last = found[1]
        search = max(search + 1, last)
    assert by("${v//$p/_}", value, pattern) == out + value[last:]


@pytest.mark.parametrize(
    ("word", "value", "text"),
    [
        ("${v//*/x}", "abc", "x"),
        ("${v//a*/x}", "banana", "bx"),
        ("${v//\\*/x}", "a*b*", "axbx"),
        ("${v//$e/-}", "ab", "-a-b-"),
        ("${v//$e/-}", "", "-"),
        ("${v/$e/-}", "", "-"),
        ("${v//b/[\\$0]}", "abc", "a[\\b]c"),
        ("${v//b/'$0'}", "abc", "abc"),
        ("${v//b/'[$1]'}", "abc", "a[]c"),
        ("${v//b/'${0}$$'}", "abc", "ab$c"),
        ("${v/b/'$0'}", "abc", "a$0c"),
        ("${v/[a]/x}", "a[a]", "ax"),
        ("${v#*\\}}", "a}b", "b"),
        ("${v%.*}", "a.b.c", "a.b"),
        ("${v%%.*}", "a.b.c", "a"),
        ("${v#'*'}", "*a", "*a"),
        ("${v##a\\?}", "a?b", "b"),
        ("${v#?}", "éa", "a"),
        ("${v#?}", "\na", "\na"),
    ],
)
def test_corners(word: str, value: str, text: str) -> None:
    assert expand(word, {"v": value, "e": ""}).text == text


@pytest.mark.parametrize("word", ["${v#*a*a*a*a*a*a*a*b}", "${v%%*a*a*a*a*a*a*a*b}", "${v/*a*a*a*a*a*a*a*b/}"])
def test_many_stars_do_not_backtrack(word: str) -> None:
    assert expand(word, {"v": "a" * 400}).text == "a" * 400


def test_what_is_escaped_for_nothing_is_an_error() -> None:
    with pytest.raises(WordError, match=r"invalid pattern \(a\\b\) in substitution: invalid escape '\\b'"):
        expand("${v#a\\b}", {"v": "x"})
