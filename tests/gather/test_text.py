"""Files of other encodings, as far as BuildKit takes them (recorded by hand from 28.5)."""

from __future__ import annotations

import pytest

from bake.errors import InputError
from bake.gather.text import text_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfFROM a", "FROM a"),
        (b"# caf\xe9\nFROM a\n  # \xff\n", "# caf\ufffd\nFROM a\n  # \ufffd\n"),
        (b"# \xe9\r\n*.md\r\n", "# \ufffd\r\n*.md\r\n"),
    ],
)
def test_comments_may_hold_any_bytes(data: bytes, text: str) -> None:
    assert text_of(data, lambda: "Dockerfile") == text


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"# \xe9\nLABEL \xc3\xa9=\xe9", "Dockerfile:2:9"),
        (b"FROM a\nCOPY <<E /x\n# \xe9\nE\n", "Dockerfile:3:3"),
        (b"\xef\xbb\xbf\xff", "Dockerfile:1:1"),
    ],
)
def test_other_bytes_are_refused_at_their_place(data: bytes, place: str) -> None:
    with pytest.raises(InputError) as caught:
        text_of(data, lambda: "Dockerfile")
    (found,) = caught.value.diagnostics
    assert (found.code, str(found.span)) == ("not-utf8", place)
