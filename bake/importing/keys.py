"""The keys of the peer's targets beside those of bake.toml: which there are, how they merge, what is left out."""

from __future__ import annotations

from collections.abc import Mapping

from bake.spec.keys import FIELD_KEYS

OURS = frozenset({"after", "test", "push", "immutable-tags", "timeout", "retries", "weight"})
"""Keys of bake.toml that the peer does not know."""

CARRIED = {name: key for name, key in FIELD_KEYS.items() if name not in OURS}
STRUCTURE = ("inherits", "matrix", "name")
DROPPED: Mapping[str, str] = {
    "call": "bake builds; `bake check` looks at the Dockerfiles",
    "policy": "bake has no policies",
}
"""Keys that are left out, with what to do."""

APPENDED = frozenset(
    {"cache-from", "secret", "ssh", "attest", "ulimits", "entitlements", "no-cache-filter"}
)  # fmt: skip
"""Lists that an heir of the peer's appends to, where one of ours replaces."""
