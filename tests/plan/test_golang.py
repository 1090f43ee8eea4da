import pytest

from bake.plan import golang


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "[]"),
        (["/bin/sh", "-c", 'a "b c"'], '["/bin/sh" "-c" "a \\"b c\\""]'),
        (["tab\there", "é", "\x01", "\u200b"], '["tab\\there" "é" "\\x01" "\\u200b"]'),
    ],
)
def test_quoted_lists_read_as_go_writes_them(words: list[str], text: str) -> None:
    assert golang.quoted_list(words) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (2_500_000, "2.5ms"),
        (30_000_000_000, "30s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (3_661_500_000_000, "1h1m1.5s"),
    ],
)
def test_durations_read_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert golang.duration(nanoseconds) == text
