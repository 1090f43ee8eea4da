"""What the editor's schema takes for a duration is what bake takes, and no text makes its pattern slow."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bake.spec.atoms import DURATION
from bake.spec.values import Refused, duration

PATTERN = re.compile(DURATION.schema["anyOf"][1]["pattern"])


@given(
    st.lists(st.sampled_from(["1", "25", ".", "0.5", "ms", "s", "m", "h", "d", "x", " ", "-"]), max_size=7).map("".join)
)
def test_durations(written: str) -> None:
    try:
        duration(written)
    except Refused as error:
        assert error.message.endswith("longer than a year") or not PATTERN.search(written.strip())
    else:
        assert PATTERN.search(written.strip())


def test_an_ambiguous_pattern_would_never_end() -> None:
    for text in ("1" * 5_000 + "x", "1s" * 5_000 + "x", "1.1" * 5_000, "1m" * 5_000 + "1"):
        assert not PATTERN.search(text)
