"""Splitting of output into lines, whatever the chunks are."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bake.engine.embedded.lines import LONGEST, LineSplitter
from bake.plan.golang import quote


def split(chunks: list[bytes]) -> list[str]:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.feed(b"", final=True)


@given(st.text(alphabet="aé\n\r €", max_size=60), st.lists(st.integers(0, 90), max_size=5))
def test_chunks_do_not_matter(text: str, cuts: list[int]) -> None:
    data = text.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert split(pieces) == split([data])


def test_progress_bars_and_line_ends() -> None:
    assert split([b"1%\r2%\r\n", b"x\r", b"\ny\n\nz"]) == ["1%", "2%", "x", "y", "", "z"]


def test_long_lines_are_cut() -> None:
    found = split([b"x" * 10_000] * 5)
    assert "".join(found) == "x" * 50_000
    assert max(map(len, found)) == LONGEST


def test_quoting_as_go_does() -> None:
    assert quote('a "b"\\\n\té\x01\udcff') == '"a \\"b\\"\\\\\\n\\té\\x01\\xff"'
