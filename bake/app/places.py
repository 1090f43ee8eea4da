"""Places of images as commands name them, opened: registries, layouts, archives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.events import BlobProgress, Event
from bake.oci.model import Descriptor
from bake.registry.places import Place, Where, place_of

if TYPE_CHECKING:
    from bake.registry.operation import Progress


def where(text: str) -> Where:
    """A place as a user writes it. Raises InputError."""
    try:
        return place_of(text)
    except ValueError as error:
        hint = "REFERENCE, oci:DIRECTORY[:TAG] or oci-archive:FILE[:TAG]"
        raise InputError(Diagnostic("bad-reference", str(error), hint=hint)) from None


def opened(session: Session, place: Where, emit: Callable[[Event], None] = lambda _event: None) -> Place:
    """A place to read from. Nothing is asked yet."""
    from bake.registry.places.layout import Archive, Directory
    from bake.registry.places.remote import RemotePlace

    if place.reference is not None:
        repository = place.reference.repository

        def progress(blob: Descriptor) -> Progress:
            return lambda done: emit(
                BlobProgress(digest=blob.digest, direction="pull", repository=repository, current=done, size=blob.size)
            )

        return RemotePlace(session.registry, place.reference, progress)
    return (Directory if place.kind == "oci" else Archive)(path_of(session, place))


def path_of(session: Session, place: Where) -> Path:
    """The path of a layout, from the directory that the command runs in."""
    assert place.path is not None
    return Path(session.options.directory) / place.path
