"""Where a Dockerfile is wrong: the lines that BuildKit 0.25 marks (tests/peer/errors.json), and where bake points."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from bake.errors import BakeError

_RECORDED = Path(__file__).parents[1] / "peer/errors.json"
KNOWN = {
    "error-directive-twice": "the peer marks the first of the two, bake the one that is too many",
    "error-check-twice": "as for another directive",
    "error-syntax-blank": "a blank names no front end, and is none",
}
"""Cases that differ, and why. Where the peer marks no line at all, bake points at one nevertheless."""


@cache
def _marked() -> dict[str, list[int]]:
    return {name: row["lines"] for name, row in json.loads(_RECORDED.read_text()).items()}


def misplaced(name: str, errors: Sequence[BakeError]) -> str | None:
    """What is wrong about the place of the first error of a case, None if nothing is."""
    span = next((diagnostic.span for error in errors for diagnostic in error.diagnostics), None)
    lines = _marked().get(name, [])
    if not lines:
        return None
    if span is None:
        return f"the peer marks the lines {lines}, bake none"
    right = span.source.name.endswith("Dockerfile") and lines[0] <= span.line <= span.end_line <= lines[-1]
    return None if right else f"the peer marks the lines {lines}, bake {span.source.name}:{span.line}:{span.column}"
