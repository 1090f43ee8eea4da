"""Image layers: from a compressed archive to a layer directory, with overlayfs's own deletion marks.

Layers are unpacked at the same time, each by itself. What an archive leaves to the layers below it (a directory that
it needs but does not hold) is settled afterwards, or in the rare case (a symbolic link in its way) by unpacking again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec.structs import replace

from bake.engine.embedded import attributes
from bake.engine.embedded.answers import Settled, Unpacked
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.compressed import Hashed, broken, decompressed, most_bytes, open_archive
from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.made import write_listing
from bake.engine.embedded.requests import Settle, Unpack
from bake.engine.embedded.stack import Stack
from bake.engine.embedded.unpack import Extraction
from bake.errors import Diagnostic, RemoteError, StepError
from bake.plan.listing import decode


def unpack(request: Unpack, may: Ownership, check: Callable[[], None]) -> Unpacked:
    """Unpacks a blob. Raises RemoteError when its content is not what the image's config says."""
    fs = os.path.join(request.scratch, "fs")
    os.mkdir(fs, 0o755)
    with Stack(request.lower or (), may) as lower, Draft(fs, lower, may) as draft, open(request.blob, "rb") as file:
        most = most_bytes(os.fstat(file.fileno()).st_size)
        stream = Hashed(decompressed(file), check, most)
        extraction = Extraction(draft, "", layer=True, most=most)
        try:
            archive = open_archive(stream)
            extraction.all(archive)
            found = stream.drain()
        except broken() as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of writing, not of reading
            raise StepError(Diagnostic("bad-archive", f"cannot read the layer {request.diff_id}: {error}")) from None
        if found != request.diff_id:
            message = f"layer {request.diff_id} holds something else: {found}"
            raise RemoteError(Diagnostic("layer-mismatch", message, hint="the image is damaged in its registry"))
        if request.lower is not None and extraction.unsure:
            raise StepError(Diagnostic("bad-archive", f"layer {request.diff_id} links to a file that does not exist"))
        made = write_listing(request.scratch, draft.finish())
    implied = tuple(os.fsencode(path) for path in extraction.implied) if request.lower is None else ()
    return Unpacked(made.size, implied, request.lower is None and extraction.unsure)


def settle(request: Settle, may: Ownership, check: Callable[[], None]) -> Settled:
    """Gives implied directories the attributes that the lower state has for them."""
    check()
    path = os.path.join(request.scratch, "listing")
    with open(path, "rb") as file:
        listing = dict(decode(file.read()))
    with Stack(request.lower, may) as lower, Cursor(os.path.join(request.scratch, "fs")) as cursor:
        for name in (os.fsdecode(raw) for raw in reversed(request.implied)):
            below = lower.lookup(name)
            if below is None and not _hidden(lower, name):
                continue
            if below is None or below.kind != "d":
                return Settled(False)
            listing[name] = replace(below, opaque=listing[name].opaque)
            directory, last = cursor.parent(name)
            attributes.apply(directory, last, listing[name], may)
    write_listing(request.scratch, listing)
    return Settled(True)


def _hidden(lower: Stack, path: str) -> bool:
    """Whether a parent of `path` is something else than a directory, so that a link may lead elsewhere."""
    while path:
        path = path.rpartition("/")[0]
        entry = lower.lookup(path) if path else None
        if entry is not None:
            return entry.kind != "d"
    return False
