"""`bake builders` as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bake.events import BuilderState
from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.render.words import size

_PLAIN = Style()
_COLUMNS = (
    Column("BUILDER", elastic=True),
    Column("STATE", elastic=True),
    Column("VERSION"),
    Column("PLATFORMS", elastic=True, spare=True),
    Column("LABELS", elastic=True, spare=True),
    Column("SLOTS", right=True),
    Column("IN USE", right=True),
    Column("CACHE", right=True),
    Column("HITS", right=True),
)


def builders_json(found: Sequence[BuilderState]) -> str:
    """`{"version": 1, "builders": […]}`."""
    return msgspec.json.format(msgspec.json.encode({"version": 1, "builders": found}), indent=2).decode() + "\n"


def builders_text(found: Sequence[BuilderState], width: int | None = None, style: Style = _PLAIN) -> str:
    """One line a builder."""
    if not found:
        return "no builders; name them in the settings (`builders`) or with --builder\n"
    return table(_COLUMNS, [_row(row) for row in found], width, style)


def _row(row: BuilderState) -> tuple[str, ...]:
    steps = row.steps_cached + row.steps_run
    labels = ", ".join(f"{name}={value}" for name, value in row.labels.items())
    return (
        row.addr,
        clean(row.problem) or ("busy" if row.in_use else "ready"),
        clean(row.version),
        ", ".join(row.platforms),
        labels,
        str(row.slots),
        "" if row.problem else str(row.in_use),
        "" if row.problem else size(row.cache_bytes),
        f"{100 * row.steps_cached // steps}%" if steps else "",
    )
