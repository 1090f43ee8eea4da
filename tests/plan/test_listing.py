"""Which times were given is carried beside an archive, and a layer that comes back is the one that was made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bake.plan.listing import decode, encode, listing_digest, times_given, with_times_given
from bake.plan.tree import Entry

paths = st.text("abc/\udcff", min_size=1, max_size=4)
entries = st.builds(
    Entry, kind=st.just("f"), digest=st.sampled_from("12"), mtime=st.integers(-(2**62), 2**62), timed=st.booleans()
)


@given(st.dictionaries(paths, entries, max_size=40))
def test_given_times_are_put_back(listing: dict[str, Entry]) -> None:
    unpacked = {
        path: replace(entry, timed=False, mtime=entry.mtime // 10**9 * 10**9) for path, entry in listing.items()
    }
    again = with_times_given(unpacked, times_given(listing))
    assert listing_digest(again) == listing_digest(listing)
    assert {path for path in again if again[path].timed} == {path for path in listing if listing[path].timed}
    assert listing_digest(decode(encode(again))) == listing_digest(listing)
    assert times_given(unpacked) == b""


def test_they_take_a_bit_a_path() -> None:
    listing = {f"{number:05}": Entry("f", timed=number < 9) for number in range(10_000)}
    assert times_given(listing) == b"\xff\x01"


@pytest.mark.parametrize("given_", [b"", b"\0", b"\xff" * 100])
def test_any_bytes_are_taken(given_: bytes) -> None:
    """They come from a cache; the digest of the listing tells whether they were right."""
    found = with_times_given({"a": Entry("f"), "b": Entry("f", timed=True)}, given_)
    assert [entry.timed for entry in found.values()] == [given_[:1] == b"\xff"] * 2
