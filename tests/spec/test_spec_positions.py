from __future__ import annotations

import math
import tomllib
from typing import Any

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from bake.errors import Source
from bake.spec.document import parse_document
from bake.spec.positions import Path, find_positions

TEXT = '''\
# comment with [brackets] and "quotes"
title = "a \\"b\\" # c"   # end
"quoted key" . 'x.y' = 1
when = 1979-05-27 07:32:00Z
list = [ 1, [2, 3], # note
  "x]",
  { a = 1, b.c = '}' },
]
lines = """
[not.a.table]
k = 1 ""quoted""\\
"""""
raw = \'\'\'
it's ]
\'\'\'\'\'

[a.b]   # header
c = -1.5e3
[[a.list]]
n = 1
[a.list.sub]
deep = true
[[a.list]]
n = 2
'''


def at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def leaves(data: Any, path: Path = ()) -> list[Path]:
    if isinstance(data, dict):
        return [each for name, value in data.items() for each in leaves(value, (*path, name))]
    if isinstance(data, list):
        return [path, *(each for index, value in enumerate(data) for each in leaves(value, (*path, index)))]
    return [path]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def check_all(text: str) -> None:
    """The text at each position says what stands at that path."""
    data = tomllib.loads(text)
    positions = find_positions(text)
    for path in leaves(data):
        value = at(data, path)
        if isinstance(value, list) and path not in positions.values:
            continue  # an array of tables has no text of its own
        start, end = positions.values[path]
        assert same(tomllib.loads(f"v = {text[start:end]}")["v"], value), path
        named = [part for part in path if isinstance(part, str)]
        if path[-1] == named[-1]:
            start, end = positions.keys[path]
            assert tomllib.loads(f"{text[start:end]} = 1") == {named[-1]: 1}
    assert not positions.repeated


def test_all_forms_of_keys_and_values() -> None:
    check_all(TEXT)
    positions = find_positions(TEXT)
    start, end = positions.values["a", "list", 1]
    assert TEXT[start:end] == "[[a.list]]"
    assert positions.values["a", "list", 0, "sub", "deep"]


def test_windows_line_ends() -> None:
    check_all(TEXT.replace("\n", "\r\n"))


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
SCALARS = st.one_of(WORDS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(), st.datetimes(), st.dates())
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_positions_of_any_document(data: dict[str, Any]) -> None:
    text = tomlkit.dumps(data)
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # tomlkit writes some documents wrongly
    if same(written, data):
        check_all(text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("[]{}=.\"'\\#\n\r\t ,ab1-"), max_size=40))
def test_no_text_is_a_danger(text: str) -> None:
    find_positions(text)


def test_spans_count_lines_and_characters() -> None:
    document = parse_document(
        Source("bake.toml", "\ufeff# é\r\n[target.é-x]\r\n".replace("é-x", '"é"') + 'k = "ü"\r\n'), "/"
    )
    span = document.span(("target", "é", "k"))
    assert (span.line, span.column, span.end_line, span.end_column) == (3, 5, 3, 8)
    assert str(document.span(("target", "é"), key=True)) == "bake.toml:2:9"
    assert str(document.span(("target", "é", "absent", 3))) == "bake.toml:2:1"
