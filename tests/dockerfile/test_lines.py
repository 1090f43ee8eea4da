"""Physical lines → logical ones, flags and JSON forms: the lexical corners (reference/dockerfile.md §1–3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.flags import FlagError, Kind, read_flags, take_flags
from bake.dockerfile.jsonform import NotStrings, read_json
from bake.dockerfile.lines import LONGEST, Lines
from bake.errors import InputError, Source

KNOWN: dict[str, Kind] = {"text": "text", "yes": "bool", "many": "list"}


def logical(text: str, escape: str = "\\") -> list[str]:
    lines = Lines(Source("Dockerfile", text))
    found: list[str] = []
    while (one := lines.instruction(escape)) is not None:
        found.append(one.text)
    return found


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("a\\\nb", ["ab"]),
        ("a \\ \t\n  b", ["a   b"]),
        ("a\\\\\nb", ["a\\\\", "b"]),
        ("a\\\\\\\nb", ["a\\\\\\", "b"]),
        ("a\\x\nb", ["a\\x", "b"]),
        ("\\\na", ["a"]),
        ("  \\  \n  a", ["  a"]),
        ("a \\\n\n\nb", ["a b"]),
        ("a \\\n #c\\\nb", ["a b"]),
        ("a \\\n#", ["a "]),
        ("#a\\\nb", ["b"]),
        ("a #b\\\nc", ["a #bc"]),
        ("a\\", ["a"]),
        ("a\r\\\r\nb\r\r\n", ["a\rb"]),
        ("\xa0a", ["a"]),
        ("a\x0c\nb", ["a\x0c", "b"]),
        ("a\u2028b", ["a\u2028b"]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_lines_join(text: str, joined: list[str]) -> None:
    assert logical(text) == joined


def test_the_escape_character_joins_alone() -> None:
    assert logical("a`\nb\\\nc", "`") == ["ab\\", "c"]


def test_the_longest_line() -> None:
    assert logical("x" * LONGEST) == ["x" * LONGEST]
    assert logical("é" * (LONGEST // 2)) != []
    for text in ("x" * (LONGEST + 1), "é" * (LONGEST // 2 + 1)):
        with pytest.raises(InputError) as caught:
            logical("a\n" + text)
        assert caught.value.diagnostics[0].span is not None
        assert caught.value.diagnostics[0].span.line == 2


def test_joined_lines_have_no_limit() -> None:
    (text,) = logical("RUN x\\\n" * 40000 + "end")
    assert text == "RUN x" * 40000 + "end"


@given(st.lists(st.text("ab \\#\t\r", max_size=6), max_size=6))
def test_places_of_a_joined_text_are_those_in_the_source(rows: list[str]) -> None:
    text = "\n".join(rows)
    lines = Lines(Source("Dockerfile", text))
    while (one := lines.instruction("\\")) is not None:
        for offset, char in enumerate(one.text):
            span = one.span(offset)
            assert rows[span.line - 1][span.column - 1] == char


@pytest.mark.parametrize(
    ("text", "escape", "words", "rest"),
    [
        (" --a --b=c rest --d", "\\", ["--a", "--b=c"], "rest --d"),
        ("--a='b c' x", "\\", ["--a=b c"], "x"),
        ('--a="b\\"c" x', "\\", ['--a=b"c'], "x"),
        ("--a='b\\'c' x", "\\", ["--a=b'c"], "x"),
        ("--a=b\\ c x", "\\", ["--a=b c"], "x"),
        ("--a=b` c x", "`", ["--a=b c"], "x"),
        ("--a=b\\", "\\", ["--a=b"], ""),
        ("--a='b", "\\", ["--a=b"], ""),
        ("-- --a", "\\", [], " --a"),
        ("--a -- --b", "\\", ["--a"], " --b"),
        ("-a", "\\", [], "-a"),
        ("", "\\", [], ""),
        ("--a=é", "\\", ["--a=é"], ""),
    ],
)
def test_flags_are_taken_from_the_front(text: str, escape: str, words: list[str], rest: str) -> None:
    found, at = take_flags(text, 0, escape)
    assert ([flag.text for flag in found], text[at:]) == (words, rest)


def test_flags_are_read_by_kind() -> None:
    words, _ = take_flags("--text=a=b --yes --many=1 --many=", 0, "\\")
    flags = read_flags(words, KNOWN)
    assert (flags.text("text"), flags.bool("yes")) == ("a=b", True)
    assert [flag.text for flag in flags.all("many")] == ["1", ""]
    assert (flags.text("other"), flags.bool("other"), list(flags.all("other"))) == (None, None, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--nope", "unknown flag: --nope"),
        ("--txet=1", "unknown flag: --txet"),
        ("--text", "missing a value on flag: --text"),
        ("--many", "missing a value on flag: --many"),
        ("--yes=", "missing a value on flag: --yes"),
        ("--yes=Maybe", "expecting boolean value for flag --yes, not: Maybe"),
        ("--text=a --text=a", "duplicate flag specified: --text"),
        ("--yes --yes", "duplicate flag specified: --yes"),
        ("--=x", "unknown flag: --"),
    ],
)
def test_flags_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(FlagError) as caught:
        read_flags(take_flags(text, 0, "\\")[0], KNOWN)
    assert str(caught.value) == message
    assert caught.value.flag.end == len(text)


@pytest.mark.parametrize("text", ["--yes=TRUE", "--yes=true", "--yes"])
def test_booleans_in_any_case(text: str) -> None:
    assert read_flags(take_flags(text, 0, "\\")[0], KNOWN).bool("yes") is True


def test_an_empty_text_flag_is_none() -> None:
    assert read_flags(take_flags("--text=", 0, "\\")[0], KNOWN).text("text") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a", "b c"]', ("a", "b c")),
        ("[]", ()),
        (' ["a"]', None),
        ('["a",]', None),
        ('["a"] x', None),
        ("['a']", None),
        ("[a", None),
        ("[NaN]", None),
        ("[Infinity]", None),
        ('["a\tb"]', None),
        ('["\\u0061\\n"]', ("a\n",)),
        ('["\\ud83d\\ude00"]', ("😀",)),
        ('["\\ud800x"]', ("\ufffdx",)),
        ("[" * 100000, None),
        ("a", None),
        ("", None),
    ],
)
def test_json_is_exact(text: str, words: tuple[str, ...] | None) -> None:
    assert read_json(text) == words


@pytest.mark.parametrize("text", ["[1]", '["a", null]', '[["a"]]', "[true]", "[" + "1" * 5000 + "]"])
def test_json_of_something_else(text: str) -> None:
    with pytest.raises(NotStrings, match="arrays must be comprised of strings only"):
        read_json(text)
