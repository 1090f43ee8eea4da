"""Single files of a state, for what is said about an image; nothing in it is run."""

from __future__ import annotations

import os
from collections.abc import Callable

from bake.engine.embedded.answers import Files
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.requests import ReadFiles
from bake.engine.embedded.resolve import resolve
from bake.engine.embedded.stack import Stack
from bake.errors import BakeError

_MOST_BYTES = 128 << 20
"""Of one file; more is no list of packages."""


def read_files(request: ReadFiles, may: Ownership, check: Callable[[], None]) -> Files:
    """The bytes of those paths that are regular files, or links to such."""
    found: dict[bytes, bytes] = {}
    if not request.layers:
        return Files(found)
    with Stack(request.layers, may) as view:
        for raw in request.paths:
            check()
            data = _read(view, os.fsdecode(raw))
            if data is not None:
                found[raw] = data
    return Files(found)


def _read(view: Stack, path: str) -> bytes | None:
    try:
        path = resolve(view.lookup, path)
    except BakeError:
        return None
    entry = view.lookup(path)
    if entry is None or entry.kind != "f" or entry.size > _MOST_BYTES:
        return None
    with open(view.open(path), "rb") as file:
        return file.read(entry.size)
