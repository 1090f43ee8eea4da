"""Whole states as one tar archive (an output of type tar): what a container would see, layers no more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from bake.engine.embedded.answers import Done
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.requests import Pack, Whole
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.tar_header import END, header, padding
from bake.engine.embedded.walk import walk
from bake.errors import Diagnostic, HostError
from bake.plan.tree import Entry

_PIECE = 1 << 20


def pack(request: Pack, may: Ownership, check: Callable[[], None]) -> Done:
    """Writes the archive. Sockets are left out, as in layers."""
    with open(request.out, "xb", buffering=_PIECE) as file:
        for whole in request.states:
            if whole.directory:
                file.write(header(os.fsencode(whole.directory), Entry("d", 0o755)))
            with Stack(whole.layers, may) as view:
                for piece in _members(whole, view, request.latest, check):
                    file.write(piece)
        for path, data in request.files:
            file.write(header(os.fsencode(path), Entry("f", 0o644, size=len(data))) + data + padding(len(data)))
        file.write(END)
    return Done()


def _members(whole: Whole, view: Stack, latest: int | None, check: Callable[[], None]) -> Iterator[bytes]:
    for path, entry in walk(view, latest, check):
        if entry.kind == "s":
            continue
        link = _below(whole, entry.link) if entry.kind == "f" and entry.link else entry.link
        yield header(_below(whole, path).encode("utf-8", "surrogateescape"), replace(entry, link=link, hard=""))
        if entry.kind == "f" and not entry.link:
            yield from _data(view, path, entry.size)
            yield padding(entry.size)


def _below(whole: Whole, path: str) -> str:
    return f"{whole.directory}/{path}" if whole.directory else path


def _data(view: Stack, path: str, size: int) -> Iterator[bytes]:
    handle = view.open(path)
    try:
        left = size
        while left and (piece := os.read(handle, min(left, _PIECE))):
            left -= len(piece)
            yield piece
        if left:
            message = f"the layer in the store is damaged: {path} is shorter than it was"
            raise HostError(Diagnostic("damaged-layer", message, hint="run bake cache verify"))
    finally:
        os.close(handle)
