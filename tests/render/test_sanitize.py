"""No escape sequence gets through, whatever a build step writes."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from bake.render.sanitize import clean, visible


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\ttext", "plain\ttext"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;ZXZpbA==", ""),
        ("\x1bP1$r0m\x1b\\x", "x"),
        ("\x9b2Jx", "x"),
        ("\x1b(Bx\x1bcy", "xy"),
        ("10%\r50%\r100%", "100%"),
        ("100%\r", "100%"),
        ("a\x08b\x00c\x7f", "abc"),
        ("user\u202ecod.exe", "usercod.exe"),
        ("日本 é", "日本 é"),
        ("\x1b[38;5;", ""),
    ],
)
def test_clean(line: str, shown: str) -> None:
    assert clean(line) == shown


@given(st.text(st.characters(max_codepoint=0x2100), max_size=60))
def test_nothing_dangerous_is_left(line: str) -> None:
    bad = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\t"}
    assert not bad & set(clean(line))
    assert not bad & set(visible(line))
    assert len(visible(line)) == len(line)
