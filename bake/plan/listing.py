"""The file form of a layer's listing: what the engine's helper writes and the store reads (DESIGN §3).

An archive tells the time of a file, not whether it was given (`Entry.timed`); that is carried beside it, a bit a path.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from bake.plan.tree import Entry, Listing, digest_of_listing, sort_key

_Rows = list[tuple[bytes, Entry]]


def encode(listing: Listing) -> bytes:
    """msgpack of [path bytes, entry] pairs in canonical order."""
    rows = [(path.encode("utf-8", "surrogateescape"), listing[path]) for path in sorted(listing, key=sort_key)]
    return msgspec.msgpack.encode(rows)


def decode(data: bytes) -> dict[str, Entry]:
    """The reverse of `encode`. Raises msgspec.DecodeError for what is no listing."""
    rows = msgspec.msgpack.decode(data, type=_Rows)
    return {path.decode("utf-8", "surrogateescape"): entry for path, entry in rows}


def listing_digest(listing: Listing) -> str:
    """sha256 hex such that `state_of_digest(parent, listing_digest(l)) == state_over(parent, l)`."""
    return digest_of_listing(listing)


def times_given(listing: Listing) -> bytes:
    """Which paths have a given time: bit n is that of the nth one, the lowest first; no zero bytes at the end."""
    bits = bytearray(len(listing) // 8 + 1)
    for at, path in enumerate(sorted(listing, key=sort_key)):
        bits[at >> 3] |= listing[path].timed << (at & 7)
    return bytes(bits.rstrip(b"\0"))


def with_times_given(listing: Listing, given: bytes) -> dict[str, Entry]:
    """The listing with exactly those times given, in canonical order."""
    found: dict[str, Entry] = {}
    for at, path in enumerate(sorted(listing, key=sort_key)):
        entry, byte = listing[path], at >> 3
        timed = byte < len(given) and bool(given[byte] >> (at & 7) & 1)
        found[path] = replace(entry, timed=timed) if entry.timed != timed else entry
    return found
