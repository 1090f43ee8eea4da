from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.spec.filters import FILTERS
from bake.spec.template import TemplateError, Value, parse_template
from bake.words import WordError, expand

NAMES = {"v": "3.11.5", "e": "", "path": "a/b/c", "git.branch": "feature/Größe X", "env.H": "h"}


def render(text: str) -> str:
    def lookup(name: str, _part: str, _plain: bool) -> Value:
        return Value(NAMES.get(name))

    return parse_template(text).expand(lookup).text or ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $v 'q' \\x", "plain $v 'q' \\x"),
        ("${v}", "3.11.5"),
        ("a${v}b${e}c", "a3.11.5bc"),
        ("$${v}", "${v}"),
        ("$$${v}", "$${v}"),
        ("$$", "$$"),
        ("${v%.*}", "3.11"),
        ("${v%%.*}", "3"),
        ("${v#*.}", "11.5"),
        ("${path##*/}", "c"),
        ("${path/\\//-}", "a-b/c"),
        ("${path//\\//-}", "a-b-c"),
        ("${u:-x}", "x"),
        ("${e-x}", ""),
        ("${e:-x}", "x"),
        ("${v:+y}", "y"),
        ("${u:-${v%.*}}", "3.11"),
        ("${u:-${git.branch | slug}}", "feature-gr-e-x"),
        ("${u:-'}'}", "}"),
        ("${u:-a\\}b}", "a}b"),
        ("${u:-a|lower}", "a"),
        ("${u:-A|lower}", "a"),
        ("${u:-a\\|b}", "a|b"),
        ('${u:-"a|b"}', "a|b"),
        ("${git.branch | slug}", "feature-gr-e-x"),
        ("${git.branch|slug|upper}", "FEATURE-GR-E-X"),
        ("${git.branch-dev}", "feature/Größe X"),
        ("${git.tag-dev}", "dev"),
        ("${v | major}.${v | minor}.${v | patch}", "3.11.5"),
        ("${v%.* | upper}", "3.11"),
        ("${env.H}", "h"),
        ("{${v}}", "{3.11.5}"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("a ${}", "bad-substitution", "${}"),
        ("a ${v", "bad-substitution", "${v"),
        ("${ v}", "bad-substitution", "${ "),
        ("${v | slugg}", "unknown-filter", "| slugg"),
        ("${v | }", "unknown-filter", "${v | "),
        ("${v ! }", "bad-substitution", "${v ! }"),
        ("${v:?}", "", ""),
        ("${u:?give one}", "bad-substitution", "${u:?give one}"),
        ("${path | major}", "bad-filter-input", "${path | major}"),
        ("${v//x}", "bad-substitution", "${v//x}"),
    ],
)
def test_what_cannot_be_read(text: str, code: str, part: str) -> None:
    if not code:
        assert render(text) == NAMES["v"]
        return
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert (caught.value.code, caught.value.part) == (code, part)


def test_the_message_of_a_form_names_the_variable() -> None:
    with pytest.raises(TemplateError, match=r"^u: give one$"):
        render("${u:?give one}")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(TemplateError, match="too deeply"):
        parse_template("${a:-" * 500 + "}" * 500)


def test_names_are_looked_up_only_when_needed() -> None:
    asked: list[str] = []

    def lookup(name: str, _part: str, _plain: bool) -> Value:
        asked.append(name)
        return Value("x" if name == "a" else None)

    assert parse_template("${a:-${b}}${a:+${c-d}}").expand(lookup).text == "xd"
    assert "b" not in asked and "c" in asked


def test_sensitive_values_are_followed_through_filters() -> None:
    def lookup(name: str, _part: str, _plain: bool) -> Value:
        return Value("Token", frozenset({"Token"})) if name == "t" else Value("p")

    value = parse_template("x ${p} ${t | upper} ${p:+${t}}").expand(lookup)
    assert value.text == "x p TOKEN Token"
    assert value.secrets == {"Token", "TOKEN"}


FORMS = st.sampled_from([":-", "-", ":+", "+", ":?", "?", "#", "##", "%", "%%", "/", "//", ":", "=", "^", ""])
WORDS = st.text(st.sampled_from("ab.*?/-\\'\"$ {"), max_size=6)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["v", "e", "u", "path"]), FORMS, WORDS, st.sampled_from(["", "/x", "/"]))
def test_forms_are_those_of_dockerfile_words(name: str, form: str, word: str, tail: str) -> None:
    """DESIGN §1: one expander for both languages."""
    text = "${" + name + form + word + tail + "}"
    values = {name: value for name, value in NAMES.items() if "." not in name}
    try:
        parsed = parse_template(text)
    except TemplateError:
        return  # quotes or braces that do not end: not an expression of a bake.toml
    if len(parsed.pieces) != 1 or isinstance(parsed.pieces[0], str) or "${" in parsed.pieces[0].form:
        return
    try:
        expected: str | None = expand(text, values).text
    except WordError:
        expected = None
    try:
        found: str | None = render(text)
    except TemplateError:
        found = None
    assert found == expected


@given(st.text(max_size=30), st.sampled_from(["slug"]))
def test_slug(text: str, name: str) -> None:
    found = FILTERS[name](text)
    assert found == FILTERS[name](found)
    assert not found.startswith("-") and not found.endswith("-")
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        render(text)
    except TemplateError as error:
        assert error.message


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("short", "sha256:0123456789abcdef", "0123456789ab"),
        ("short", "abc", "abc"),
        ("sha256", "a", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("major", "v2.0", "2"),
        ("minor", "v2.10-rc1", "10"),
        ("slug", "--A  b/../c--", "a-b-..-c"),
    ],
)
def test_filters(name: str, value: str, expected: str) -> None:
    assert FILTERS[name](value) == expected
