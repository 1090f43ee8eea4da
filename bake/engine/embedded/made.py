"""The end of every step that makes a layer: its listing is written beside its directory."""

from __future__ import annotations

import os

from bake.engine.embedded.answers import Made
from bake.errors import Diagnostic, StepError
from bake.plan.listing import encode, listing_digest
from bake.plan.tree import Listing


def write_listing(scratch: str, listing: Listing) -> Made:
    """Writes `<scratch>/listing` and sums up. `listing` is in canonical order."""
    try:
        data, digest = encode(listing), listing_digest(listing)
    except UnicodeEncodeError as error:
        message = f"a symbolic link's text is not UTF-8: {error.object!r}"
        raise StepError(Diagnostic("not-utf8", message)) from None
    with open(os.path.join(scratch, "listing"), "wb") as file:
        file.write(data)
    return Made(digest, size_of(listing))


def size_of(listing: Listing) -> int:
    """Bytes of a layer's files, hard links counted once."""
    return sum(entry.size for entry in listing.values() if entry.kind == "f" and not entry.link)
