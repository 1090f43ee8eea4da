"""Word expansion: the vectors of reference/dockerfile.md §16.1, the table of §4.3, and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.words import WordError, expand, expand_heredoc, expand_words, heredoc_name, split_raw

ENV = {"PWD": "/home", "SHELL": "bash", "NULL": ""}


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("he'll'o", "hello"),
        (r"he\'llo", "he'llo"),
        (r"abc\tdef", "abctdef"),
        (r'"abc\tdef"', r"abc\tdef"),
        (r'"abc\\tdef"', r"abc\tdef"),
        (r"'hello\\there'", r"hello\\there"),
        ("hello\\", "hello"),
        ("hello\\\\", "hello\\"),
        ("$.", "$."),
        ("he$1x", "hex"),
        (r"he\$PWD", "he$PWD"),
        (r"he\\$PWD", "he\\/home"),
        (r"'\$PWD'", r"\$PWD"),
        (r"\${}", "${}"),
        ("he${hi}xx", "hexx"),
        ("he${XXX:-${YYY:-yyy}}xx", "heyyyxx"),
        ("he${PWD:+${SHELL}}xx", "hebashxx"),
        ("he${NULL?}", "he"),
        (r"he${XXX:-\${PWD}z}xx", "he${PWDz}xx"),
        ("${aaa:-bbb}}", "bbb}"),
        ("${aaa:-bbb {foo}", "bbb {foo"),
        ("$$", ""),
        ("a$$b", "ab"),
        ("${PWD}/${SHELL}", "/home/bash"),
        ("$PWD$SHELL", "/homebash"),
        ('"$PWD"', "/home"),
        ("'$PWD'", "$PWD"),
    ],
)
def test_words_expand_as_the_reference_says(word: str, text: str) -> None:
    assert expand(word, ENV).text == text


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("he${.}", "unsupported modifier"),
        ("he${NULL:?}", "NULL: is not allowed to be empty"),
        ("${XXX?}", "XXX: is not allowed to be unset"),
        ("${XXX:?why not}", "XXX: why not"),
        ("${aaa:-bbb ${foo}", "missing '}'"),
        ("${PWD//ww}", "missing '/' in ${}"),
        ("${}", "bad substitution"),
        ("${:x}", "bad substitution"),
        ("${{", "bad substitution"),
        ("${PWD", "missing '}'"),
        ("${PWD:#x}", "unsupported modifier"),
        ("${PWD=x}", "unsupported modifier"),
        ("${PWD^}", "unsupported modifier"),
        (r"${PWD#\q}", "invalid escape"),
        ("'abc", "single-quote"),
        ('"abc', "double-quote"),
    ],
)
def test_what_is_no_word_is_an_error(word: str, message: str) -> None:
    with pytest.raises(WordError) as caught:
        expand(word, ENV)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("word", "foo", "text"),
    [
        ("${FOO#*x*y}", "xxyy", "y"),
        ("${FOO##*x}", "xxyy", "yy"),
        ("${FOO#*}", "xxyy", "xxyy"),
        (r"${FOO%%\**}", "xx**", "xx"),
        ("${FOO%.*}", "3.11.5", "3.11"),
        ("${FOO%%.*}", "3.11.5", "3"),
        ("${FOO##*.}", "3.11.5", "5"),
        ("${FOO/$N/.}", "/foo*/*/*.txt", "/foo.*/*.txt"),
        ("${FOO//$N/.}", "/foo*/*/*.txt", "/foo..*.txt"),
        ("${FOO/$T/}", "/tmp/tmp/bar.txt", "/tmp/bar.txt"),
        (r"${FOO//\//\/}", "/tmp/foo.txt", r"\/tmp\/foo.txt"),
        ("${FOO/$BAR/ww}", "xxyy", "wwxxyy"),
        ("${FOO/a/}", "banana", "bnana"),
        ("${FOO//a/o}", "banana", "bonono"),
        ("${FOO/?/X}", "abc", "Xbc"),
    ],
)
def test_patterns_trim_and_replace(word: str, foo: str, text: str) -> None:
    assert expand(word, {"FOO": foo, "N": r"\*/", "BAR": "", "T": "/tmp"}).text == text


@pytest.mark.parametrize("value", [None, "", "v"])
@pytest.mark.parametrize(
    ("form", "unset", "empty", "full"),
    [("-", "w", "", "v"), (":-", "w", "w", "v"), ("+", "", "w", "w"), (":+", "", "", "w")],
)
def test_the_table_of_forms(form: str, unset: str, empty: str, full: str, value: str | None) -> None:
    env = {} if value is None else {"v": value}
    wanted = {None: unset, "": empty, "v": full}[value]
    assert expand(f"${{v{form}w}}", env).text == wanted


def test_words_split_at_blanks_that_are_not_quoted() -> None:
    env = {"space": "abc  def"}
    assert expand_words("hello${space}bye", env).words == ("helloabc", "defbye")
    assert expand_words('hello"${space}"bye', env).words == ("helloabc  defbye",)
    assert expand_words('hello\\" there', env).words == ('hello"', "there")
    assert expand_words('"" a', env).words == ("a",)


def test_heredoc_bodies_keep_quotes_and_lose_backslashes() -> None:
    assert expand_heredoc("'$PWD' \\$x \\\\ \"a\"\n", ENV).text == "'/home' $x \\ \"a\"\n"


def test_raw_splitting_keeps_everything() -> None:
    assert split_raw("""a '$b c' "d e" \\f $g""") == ["a", "'$b c'", '"d e"', "\\f", "$g"]


def test_names_that_were_looked_up_are_told() -> None:
    found = expand("$PWD ${nope:-$other} $PWD", ENV)
    assert found.used == ("PWD", "nope", "other")
    assert found.unset == ("nope", "other")


def test_a_word_that_is_not_needed_is_not_looked_up() -> None:
    assert expand("${PWD:-$missing}", ENV).used == ("PWD",)


def test_the_escape_character_can_be_a_backtick() -> None:
    assert expand(r"C:\x`$PWD", ENV, escape="`").text == r"C:\x$PWD"


@given(st.text(st.characters(exclude_characters="$'\"\\", exclude_categories=("Cs",))))
def test_plain_text_is_itself(text: str) -> None:
    assert expand(text, ENV).text == text


@given(st.text("${}:-+?#%/*'\"\\ab\n "))
def test_no_text_breaks_the_lexer(text: str) -> None:
    for work in (lambda: expand(text, {"a": "b"}), lambda: expand_words(text, {}), lambda: split_raw(text)):
        try:
            work()
        except WordError as error:
            assert str(error)


@given(st.text("ab*?.", max_size=5), st.text("ab.", max_size=8))
def test_the_longest_prefix_is_never_shorter(pattern: str, value: str) -> None:
    shortest, longest = expand("${v#$p}", {"v": value, "p": pattern}), expand("${v##$p}", {"v": value, "p": pattern})
    assert value.endswith(shortest.text)
    assert shortest.text.endswith(longest.text)


def test_a_word_that_is_not_needed_fails_nothing() -> None:
    assert expand("${PWD:-${missing?}}", ENV).text == "/home"
    assert expand("${missing:+${missing?}}x", ENV).text == "x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo ${a?} ${b:-c} <<EOF", ["echo", "${a?}", "${b:-c}", "<<EOF"]),
        ("${a:0:3} x", ["${a:0:3}", "x"]),
        ("a$b c", ["a$b", "c"]),
        ("  a\tb  ", ["a", "b"]),
    ],
)
def test_raw_splitting_leaves_variables_alone(text: str, words: list[str]) -> None:
    assert split_raw(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [("E'O'F", ["EOF"]), ("$EOF", ["$EOF"]), ("${E:-x}", ["${E:-x}"]), ("eo\\'f", ["eo'f"]), ("'a b'", ["a b"])],
)
def test_heredoc_names_lose_quotes_and_keep_variables(text: str, words: list[str]) -> None:
    assert heredoc_name(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a$unset b", ("a", "b")),
        ("$unset", ()),
        ("a$unset$unset", ("a",)),
        ("$blank", ("x", "y")),
        ("a$blank", ("a", "x", "y")),
        ("'a b'c d", ("a bc", "d")),
        ("a\\ b c", ("a b", "c")),
        ("''", ()),
    ],
)
def test_words_join_and_part(text: str, words: tuple[str, ...]) -> None:
    assert expand_words(text, {"blank": " x y "}).words == words


@pytest.mark.parametrize(
    ("word", "text"),
    [("$é", "e"), ("${é}", "e"), ("$1a", "onea"), ("$12", ""), ("$_", "u"), ("$a-b", "-b"), ("$ x", "$ x"), ("$", "$")],
)
def test_names(word: str, text: str) -> None:
    assert expand(word, {"é": "e", "1": "one", "_": "u"}).text == text


@pytest.mark.parametrize(("word", "offset"), [("ab'c", 2), ("ab${x?}", 2), ("x${a:-${b", 1), ('a"', 1), ("a${b^}", 1)])
def test_errors_say_where(word: str, offset: int) -> None:
    with pytest.raises(WordError) as caught:
        expand(word, ENV)
    assert caught.value.offset == offset


@pytest.mark.parametrize("depth", [50, 5000])
def test_deep_nesting_is_expanded_or_refused(depth: int) -> None:
    text = "${a:-" * depth + "x" + "}" * depth
    if depth < 100:
        assert expand(text, {}).text == "x"
    else:
        with pytest.raises(WordError, match="nested too deeply"):
            expand(text, {})


@given(st.text("${}:-+?#%/*'\"\\ab\n ", max_size=30))
def test_splitting_gives_no_empty_words(text: str) -> None:
    try:
        words = expand_words(text, {"a": " b  c "}).words
    except WordError:
        return
    assert all(words)


@given(st.text("ab \t\n'\"$\\"))
def test_quoting_gives_a_text_back(text: str) -> None:
    assert expand("'" + text.replace("'", "'\\''") + "'", {}).text == text
    assert expand("".join(f"\\{char}" for char in text), {}).text == text
