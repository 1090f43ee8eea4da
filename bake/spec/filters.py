"""Filters that end an expansion: `${git.branch | slug}` (SPEC §1). A new filter is a function and a row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

_SHORT = 12
"""Characters, as docker shows ids."""


def slug(value: str) -> str:
    """Lower case; every run outside `[a-z0-9._-]` becomes one `-`, none at either end."""
    return re.sub(r"[^a-z0-9._-]+", "-", value.lower()).strip("-")


def short(value: str) -> str:
    """The first twelve characters of a commit or digest."""
    return value.removeprefix("sha256:")[:_SHORT]


def sha256(value: str) -> str:
    """The digest of the value's UTF-8 bytes, as 64 hex digits."""
    return hashlib.sha256(value.encode()).hexdigest()


def _part(index: int) -> Callable[[str], str]:
    def part(value: str) -> str:
        match = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", value)
        found = match.group(index + 1) if match else None
        if found is None:
            raise ValueError(f"'{value}' has no {('major', 'minor', 'patch')[index]} number")
        return str(found)

    return part


FILTERS: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "slug": slug,
    "major": _part(0),
    "minor": _part(1),
    "patch": _part(2),
    "short": short,
    "sha256": sha256,
}
"""Name → function; it raises ValueError for a text that it cannot take."""

FILTER_HELP: Mapping[str, str] = {
    "lower": "lower case",
    "upper": "upper case",
    "slug": "lower case; every run outside of `[a-z0-9._-]` becomes one `-`, none at either end",
    "major": "the first number of a version: `1` of `v1.24.3`",
    "minor": "its second number",
    "patch": "its third number",
    "short": "the first twelve characters of a commit or digest",
    "sha256": "the SHA-256 of the text, 64 hex digits",
}
"""Name → what it does, for the documentation."""
