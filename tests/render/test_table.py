"""Tables on terminals of every width, and where there is none."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given
from inline_snapshot import snapshot

from bake.render.table import Column, table
from bake.render.width import cells, cut, expand_tabs, pad

COLUMNS = (Column("NAME", elastic=True), Column("SIZE", right=True), Column("TAGS", elastic=True, spare=True))
ROWS = [("main", "1.2 MB", "localhost:5000/main:python3.11.2, localhost:5000/main"), ("日本", "9 B", "x")]


def test_without_terminal_nothing_is_cut() -> None:
    assert table(COLUMNS, ROWS) == snapshot("""\
NAME    SIZE  TAGS
main  1.2 MB  localhost:5000/main:python3.11.2, localhost:5000/main
日本     9 B  x
""")


def test_fitted() -> None:
    assert table(COLUMNS, ROWS, 50) == snapshot("""\
NAME    SIZE  TAGS
main  1.2 MB  localhost:5000/main:python3.11.2, l…
日本     9 B  x
""")
    assert table(COLUMNS, ROWS, 20) == snapshot("""\
NAME    SIZE
main  1.2 MB
日本     9 B
""")


def test_empty() -> None:
    assert table(COLUMNS, []) == ""
    assert table(COLUMNS, [("a", "", "")]) == "NAME\na\n"


@given(st.lists(st.tuples(*[st.text("ab日 ", max_size=30)] * 3), max_size=5), st.integers(8, 100))
def test_never_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    assert all(cells(line) <= width for line in table(COLUMNS, rows, width).splitlines())


@given(st.text("ab日\u0301é", max_size=30), st.integers(0, 40))
def test_cut_and_pad(text: str, width: int) -> None:
    assert cells(cut(text, width)) <= width
    assert cells(pad(text, width)) == max(width, cells(text))


def test_tabs() -> None:
    assert expand_tabs("a\tb\t\tc") == "a   b       c"
    assert expand_tabs("日\tb") == "日  b"
