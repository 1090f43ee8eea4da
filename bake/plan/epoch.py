"""SOURCE_DATE_EPOCH: the one time that a reproducible image shows (reference/dockerfile.md §11). Pure."""

from __future__ import annotations

import re

from bake.errors import Diagnostic, InputError, Span

NAME = "SOURCE_DATE_EPOCH"
_DECIMAL = re.compile(r"[+-]?\d{1,18}")
_LATEST = 253_402_300_799
"""The last second of the year 9999, beyond which no RFC 3339 time exists; the first of year 1 is the other end."""
_EARLIEST = -62_135_596_800


def epoch_of(text: str, span: Span | None = None) -> int | None:
    """Unix seconds; None for an empty value, which turns it off. Raises InputError for what is no number."""
    if not text:
        return None
    if _DECIMAL.fullmatch(text) and _EARLIEST <= int(text) <= _LATEST:
        return int(text)
    hint = "use seconds since 1970, `context`, or the name of a named context from git or HTTP"
    raise InputError(Diagnostic("bad-epoch", f"invalid {NAME}: {text}", span, hint))
