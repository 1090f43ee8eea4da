"""`bake list`: targets, groups and variables as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from bake.render.sanitize import clean
from bake.render.style import Style
from bake.render.table import Column, table
from bake.spec.listing import Listing, VariableRow

_PLAIN = Style()
_TARGETS = (Column("TARGET", elastic=True), Column("MATRIX", elastic=True, spare=True), Column("", elastic=True))
_GROUPS = (Column("GROUP"), Column("MEMBERS", elastic=True), Column("", elastic=True, spare=True))
_VARIABLES = (
    Column("VARIABLE"),
    Column("VALUE", elastic=True),
    Column("FROM", spare=True),
    Column("", elastic=True, spare=True),
)


def listing_json(listing: Listing) -> str:
    """`{"version": 1, "targets": […], "groups": […], "variables": […], "profiles": […]}`."""
    return json.dumps({"version": 1, **asdict(listing)}, indent=2, ensure_ascii=False) + "\n"


def listing_text(listing: Listing, width: int | None = None, style: Style = _PLAIN) -> str:
    """One table a kind, a blank line between two."""
    return "\n".join(part for part in _parts(listing, width, style) if part)


def _parts(listing: Listing, width: int | None, style: Style) -> Iterator[str]:
    targets = [
        (row.name, ", ".join(f"{axis}={value}" for axis, value in row.axes.items()), clean(row.description))
        for row in listing.targets
    ]
    yield table(_TARGETS, targets, width, style)
    groups = [(row.name, ", ".join(row.members), clean(row.description)) for row in listing.groups]
    yield table(_GROUPS, groups, width, style)
    variables = [(row.name, _value(row), row.source, clean(row.help)) for row in listing.variables]
    yield table(_VARIABLES, variables, width, style)
    if listing.profiles:
        yield f"profiles: {', '.join(listing.profiles)}\n"


def _value(row: VariableRow) -> str:
    if row.value is None:
        where = f"; set {row.env}" if row.env else ""
        return f"(required{where})" if row.required else "(none)"
    return clean(row.value)
