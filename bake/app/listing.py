"""`bake list`, `bake print`: what the spec says. Nothing is opened but the spec's files."""

from __future__ import annotations

from typing import Any

from bake.app.loading import load
from bake.app.options import Options
from bake.app.session import Session
from bake.spec.listing import Listing, listing
from bake.spec.print import to_print


def list_(options: Options) -> Listing:
    """Targets, groups, variables, profiles. Raises InputError."""
    with Session(options) as session:
        return listing(load(session).resolved)


def print_(options: Options) -> dict[str, Any]:
    """The resolved spec as plain data. Raises InputError."""
    with Session(options) as session:
        return to_print(load(session).resolved)
