"""Go's durations, and signals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bake.dockerfile.durations import parse_duration
from bake.dockerfile.signals import SIGNALS, parse_signal


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("30s", 30 * 10**9),
        ("1h2m3s4ms5us6ns", 3723004005006),
        ("1.5s", 1500000000),
        (".5s", 500000000),
        ("1.s", 10**9),
        ("-1m", -60 * 10**9),
        ("+5µs", 5000),
        ("5μs", 5000),
        ("1m1m", 120 * 10**9),
        ("0.3333333333333333333h", 1199999999999),
        ("9223372036854775807ns", 2**63 - 1),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "-", "3", "s", ".s", "1x", "1 s", "1s ", "1d", "--1s", "1e3s", "9223372036854775808ns", "1" * 9000 + "s"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="time: invalid duration"):
        parse_duration(text)


@given(st.integers(0, 2**40), st.sampled_from(["ns", "us", "ms", "s"]))
def test_whole_numbers_are_exact(number: int, unit: str) -> None:
    scale = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}[unit]
    if number * scale < 2**63:
        assert parse_duration(f"{number}{unit}") == number * scale


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9", 9),
        ("SIGKILL", 9),
        ("kill", 9),
        ("sigTerm", 15),
        ("RTMIN+3", 37),
        ("SIGRTMAX-1", 63),
        ("RTMAX", 64),
        ("99", 99),
    ],
)
def test_signals(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "0", "-0", "SIG", "SIGSIGKILL", "foo", "9x", "1" * 5000, "RTMIN+16"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(ValueError, match="invalid signal"):
        parse_signal(text)


def test_signals_are_those_of_this_linux() -> None:
    import signal

    known = {s.name.removeprefix("SIG"): int(s) for s in signal.Signals}
    assert {name: SIGNALS[name] for name in known if name in SIGNALS} == {
        n: v for n, v in known.items() if n in SIGNALS
    }
    assert set(known) - set(SIGNALS) == set()
