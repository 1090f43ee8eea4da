"""Content digests: `sha256:<64 hex>` (OCI image spec, descriptor.md § digests)."""

from __future__ import annotations

import hashlib
import re
from typing import NewType

Digest = NewType("Digest", str)

_FORM = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """Whether `text` is a digest of the one algorithm that bake uses."""
    return _FORM.fullmatch(text) is not None


def sha256(data: bytes) -> Digest:
    """The digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def hex_of(digest: str) -> str:
    """The part after `sha256:`."""
    return digest.partition(":")[2]
