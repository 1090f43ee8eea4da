"""Values that the store keeps between runs: one that cannot be read is as good as none, and is asked for again."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def kept(data: bytes | None, kind: type[T]) -> T | None:
    """The value in MessagePack; None if there is none, or it is damaged or of another version of bake."""
    try:
        return msgspec.msgpack.decode(data, type=kind) if data is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
