"""Follows symbolic links inside a root, so that no path ever leads out of it."""

from __future__ import annotations

from collections.abc import Callable

from bake.errors import Diagnostic, StepError
from bake.plan.links import TooManyLinks, follow
from bake.plan.tree import Entry

Lookup = Callable[[str], Entry | None]
"""The entry of a path whose parents hold no symbolic links; None where nothing is."""


def resolve(lookup: Lookup, path: str, base: str = "", above: Callable[[], None] = lambda: None) -> str:
    """`path` with every link followed, the last component's too; what is missing stays as written.

    `base` ("" = the whole tree) is the root that `/` and `..` stop at; the result starts with it, and `above` is called
    for each such `..`. Raises StepError for too many links.
    """

    def link(here: str) -> str | None:
        entry = lookup(here)
        return entry.link if entry is not None and entry.kind == "l" else None

    try:
        return follow(link, path, base, above)
    except TooManyLinks:
        message = f"too many levels of symbolic links: /{path.strip('/')}"
        raise StepError(Diagnostic("too-many-links", message)) from None


def join(directory: str, name: str) -> str:
    """Joins relative paths of a tree; either may be ""."""
    return f"{directory}/{name}" if directory and name else directory or name
