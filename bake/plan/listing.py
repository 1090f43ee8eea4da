"""The file form of a layer's listing: what the engine's helper writes and the store reads (DESIGN §3)."""

from __future__ import annotations

import msgspec

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
