"""Follows symbolic links inside a root, so that no path ever leads out of it."""

from __future__ import annotations

from collections.abc import Callable

from bake.errors import Diagnostic, StepError
from bake.plan.tree import Entry

Lookup = Callable[[str], Entry | None]
"""The entry of a path whose parents hold no symbolic links; None where nothing is."""

_MAX_LINKS = 255


def resolve(lookup: Lookup, path: str, base: str = "") -> str:
    """`path` with every link followed, the last component's too; what is missing stays as written.

    `base` ("" = the whole tree) is the root that `/` and `..` stop at; the result starts with it. Raises StepError
    for too many links.
    """
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if done:
                done.pop()
            continue
        here = "/".join([base, *done, part] if base else [*done, part])
        entry = lookup(here)
        if entry is None or entry.kind != "l":
            done.append(part)
            continue
        links += 1
        if links > _MAX_LINKS:
            raise StepError(Diagnostic("too-many-links", f"too many levels of symbolic links: /{path.strip('/')}"))
        if entry.link.startswith("/"):
            done = []
        todo.extend(part for part in reversed(entry.link.split("/")) if part not in ("", "."))
    return "/".join([base, *done] if base else done).strip("/")


def join(directory: str, name: str) -> str:
    """Joins relative paths of a tree; either may be ""."""
    return f"{directory}/{name}" if directory and name else directory or name
