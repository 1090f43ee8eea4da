"""The reason of a miss, as data."""

from __future__ import annotations

import msgspec


class Why(msgspec.Struct, frozen=True):
    """`kind`: file arg env base parent instruction mount options frontend evicted never-built no-cache.

    `detail` names it.
    """

    kind: str
    detail: str = ""
