"""Walks a whole state from its top, in canonical order, with hard links told apart from copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from bake.engine.embedded.stack import Stack
from bake.plan.tree import Entry


def walk(view: Stack, latest: int | None, check: Callable[[], None]) -> Iterator[tuple[str, Entry]]:
    """(path, entry) of everything below the root, a directory before what it holds, names in the order of their bytes.

    A second name of a regular file has the path of the first one as its `link`. `latest`: see ports.unload.Unload.
    """
    last = None if latest is None else latest * 10**9
    firsts: dict[tuple[int, int], str] = {}
    todo = _names(view, "")
    while todo:
        check()
        path = todo.pop()
        entry = view.lookup(path)
        if entry is None:
            continue
        if last is not None and entry.mtime > last:
            entry = replace(entry, mtime=last)
        if entry.kind == "d":
            todo += _names(view, path)
        yield path, _linked(view, path, entry, firsts) if entry.kind == "f" else entry


def _names(view: Stack, path: str) -> list[str]:
    """Last first, as a stack is read from its end."""
    names = sorted(view.names(path), key=os.fsencode, reverse=True)
    return [f"{path}/{name}" if path else name for name in names]


def _linked(view: Stack, path: str, entry: Entry, firsts: dict[tuple[int, int], str]) -> Entry:
    info = view.stat(path)
    if info is None or info.st_nlink == 1:
        return entry
    first = firsts.setdefault((info.st_dev, info.st_ino), path)
    return entry if first == path else replace(entry, link=first)
