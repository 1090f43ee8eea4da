"""Diagnostics as people read them, compared whole."""

from __future__ import annotations

from unicodedata import category

import hypothesis.strategies as st
from hypothesis import given
from inline_snapshot import snapshot

from bake.errors import Diagnostic, Source, Span
from bake.events import DiagnosticInfo
from bake.render.diagnostics import info_of, render, render_info
from bake.render.style import Style


def at(source: Source, text: str, until: str = "") -> Span:
    start = source.text.index(text)
    end = source.text.index(until, start) + len(until) if until else start + len(text)
    return source.span(start, end)


TOML = Source(
    "bake.toml", '[target.a]\ncontxt = "."\n\tdockerfile = "日本/Dockerfile" # é\ntags = [\n  1,\n\n  2,\n]\n'
)


def test_caret_and_hint() -> None:
    found = Diagnostic("unknown-key", "unknown key `contxt`", at(TOML, "contxt"), "did you mean `context`?")
    assert render([found]) == snapshot("""\
error[unknown-key]: unknown key `contxt`
 --> bake.toml:2:1
  |
2 | contxt = "."
  | ^^^^^^
  = hint: did you mean `context`?
""")


def test_tabs_and_wide_characters() -> None:
    first = Diagnostic("no-file", "no such file", at(TOML, "本/Dockerfile"))
    second = Diagnostic("comment", "a note behind wide text", at(TOML, "é"), severity="warning")
    assert render([first, second]) == snapshot("""\
error[no-file]: no such file
 --> bake.toml:3:17
  |
3 |     dockerfile = "日本/Dockerfile" # é
  |                     ^^^^^^^^^^^^^

warning[comment]: a note behind wide text
 --> bake.toml:3:33
  |
3 |     dockerfile = "日本/Dockerfile" # é
  |                                      ^
""")


def test_span_of_several_lines() -> None:
    assert render([Diagnostic("wrong-type", "must be strings", at(TOML, "[\n  1", "]"))]) == snapshot("""\
error[wrong-type]: must be strings
 --> bake.toml:4:8
  |
4 | tags = [
  |        ^
5 |   1,
  |   ^^
6 |
7 |   2,
  |   ^^
8 | ]
  | ^
""")


def test_long_span_leaves_out_its_middle() -> None:
    source = Source("Dockerfile", "FROM x\nRUN <<EOF\n" + "".join(f"line {n}\n" for n in range(3, 30)) + "EOF\n")
    assert render([Diagnostic("step-failed", "exit code 1", at(source, "RUN", "\nEOF\n"))]) == snapshot("""\
error[step-failed]: exit code 1
  --> Dockerfile:2:1
   |
 2 | RUN <<EOF
   | ^^^^^^^^^
 3 | line 3
   | ^^^^^^
 4 | line 4
   | ^^^^^^
   ⋮
30 | EOF
   | ^^^
""")


def test_related_places_of_other_files() -> None:
    other = Source("services/web/bake.toml", "\n" * 119 + "[target.a]\n")
    found = Diagnostic(
        "duplicate-target", "target `a` is declared twice", at(other, "a]"), related=((at(TOML, "a]"), "first here"),)
    )
    assert render([found]) == snapshot("""\
error[duplicate-target]: target `a` is declared twice
   --> services/web/bake.toml:120:9
    |
120 | [target.a]
    |         ^^
note: first here
   --> bake.toml:1:9
    |
  1 | [target.a]
    |         ^^
""")


def test_without_place_and_several_lines_of_message() -> None:
    assert render([Diagnostic("engine", "cannot start\nfirst cause\nsecond", hint="one\ntwo")]) == snapshot("""\
error[engine]: cannot start
  first cause
  second
  = hint: one
          two
""")


def test_end_of_file_and_empty_lines() -> None:
    source = Source("bake.toml", "x = [\n")
    assert render([Diagnostic("syntax", "unexpected end", source.span(6))]) == snapshot("""\
error[syntax]: unexpected end
 --> bake.toml:2:1
""")


def test_long_line_is_cut_to_a_window_around_the_carets() -> None:
    source = Source("Dockerfile", "RUN " + "a" * 500 + " bad " + "b" * 500)
    lines = render([Diagnostic("x", "y", at(source, "bad"))]).splitlines()
    assert lines[3].startswith("1 | …aaa") and lines[3].endswith("bbb…") and len(lines[3]) < 180
    assert lines[3].index("bad") == lines[4].index("^^^")


def test_hostile_text_does_not_reach_the_terminal() -> None:
    source = Source("Dockerfile\x1b[2J", "RUN echo \x1b[31mred\x9b0m\u202e\r\n")
    found = Diagnostic("x", "a \x1b]0;title\x07b", source.span(4, 9), "\x1b[A")
    text = render([found])
    assert not set(text) & set("\x1b\x9b\u202e\r\x07")
    assert text == snapshot("""\
error[x]: a b
 --> Dockerfile:1:5
  |
1 | RUN echo ␛[31mred�0m�
  |     ^^^^^
  = hint: \n\
""")


def test_colours() -> None:
    found = Diagnostic("unknown-key", "unknown key", at(TOML, "contxt"), "try")
    assert render([found], Style(colour=True)) == snapshot("""\
\x1b[1;31merror[unknown-key]\x1b[0m: \x1b[1munknown key\x1b[0m
 \x1b[2m-->\x1b[0m \x1b[36mbake.toml:2:1\x1b[0m
  \x1b[2m|\x1b[0m
\x1b[2m2\x1b[0m \x1b[2m|\x1b[0m contxt = "."
  \x1b[2m|\x1b[0m \x1b[1;31m^^^^^^\x1b[0m
  = \x1b[1;32mhint\x1b[0m: try
""")


def test_reported_form() -> None:
    found = Diagnostic("unknown-key", "unknown key", at(TOML, "contxt"), "try", "warning")
    assert info_of(found) == snapshot(
        DiagnosticInfo(
            code="unknown-key",
            severity="warning",
            message="unknown key",
            file="bake.toml",
            line=2,
            column=1,
            hint="try",
        )
    )
    assert render_info(info_of(found)) == snapshot("""\
warning[unknown-key]: unknown key
 --> bake.toml:2:1
  = hint: try
""")


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 80))
def test_any_span_of_any_text_is_rendered(text: str, start: int, length: int) -> None:
    source = Source("f", text)
    start = min(start, len(text))
    out = render([Diagnostic("c", "m", source.span(start, min(len(text), start + length)))])
    assert out.startswith("error[c]: m\n")
    assert {character for character in out if category(character) == "Cc"} == {"\n"}
