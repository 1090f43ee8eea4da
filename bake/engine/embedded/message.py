"""The base of what bake and its helper process say to each other."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, tag_field="op", omit_defaults=True):
    """Told apart by its tag."""
