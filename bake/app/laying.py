"""Images into an OCI layout: a directory that is added to, or a new archive (`bake copy … oci:DIRECTORY`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bake.app.places import path_of
from bake.app.session import Session
from bake.errors import BakeError
from bake.events import BlobFinished, Event
from bake.oci.model import Descriptor
from bake.registry.places import Place, Where

if TYPE_CHECKING:
    from bake.registry.places.keeping import LayoutWriter
    from bake.registry.places.tree import Node

_AT_ONCE = 4

Emit = Callable[[Event], None]


async def to_layout(session: Session, place: Place, there: Where, rows: Sequence[tuple[Node, str]], emit: Emit) -> None:
    """Writes (image, tag) rows with all their blobs. Raises BakeError; what was written then is of use next time."""
    from anyio import CapacityLimiter, to_thread

    from bake.registry.places.keeping import LayoutWriter, pack
    from bake.registry.together import together

    packed, path = there.kind == "oci-archive", path_of(session, there)
    writer = LayoutWriter(session.store.layers.scratch() if packed else path)
    limit, failures = CapacityLimiter(_AT_ONCE), list[BakeError]()

    def job(blob: Descriptor) -> Callable[[], Awaitable[None]]:
        async def fetch() -> None:
            async with limit:
                try:
                    if not failures:
                        emit(_told(blob, str(there), await _place(place, writer, blob)))
                except BakeError as error:
                    failures.append(error)

        return fetch

    blobs = {blob.digest: blob for node, _ in rows for blob in node.blobs()}
    await together([job(blob) for blob in blobs.values()])
    if failures:
        raise failures[0]
    await to_thread.run_sync(writer.finish, rows)
    if packed:
        await to_thread.run_sync(pack, writer.path, path)


async def _place(place: Place, writer: LayoutWriter, blob: Descriptor) -> bool:
    """Whether anything had to be written."""
    if writer.has(blob):
        return False
    spare = writer.spare(blob)
    try:
        writer.adopt(blob, await place.file(blob, spare))
    finally:
        spare.unlink(missing_ok=True)
    return True


def _told(blob: Descriptor, there: str, written: bool) -> BlobFinished:
    return BlobFinished(
        digest=blob.digest,
        size=blob.size,
        direction="push",
        repository=there,
        outcome="pushed" if written else "present",
        bytes=blob.size if written else 0,
    )
