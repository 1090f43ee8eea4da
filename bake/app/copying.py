"""`bake copy`: images from one place to another, by digest and without unpacking, with all their platforms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.laying import to_layout
from bake.app.notices import Emit, tell_notices
from bake.app.options import Options
from bake.app.places import opened, where
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.events import BlobFinished, BlobStarted, Event
from bake.oci.digest import hex_of, is_digest
from bake.oci.model import Descriptor
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import DEFAULT_TAG, Reference
from bake.registry.places import Place, Where, named

if TYPE_CHECKING:
    from bake.registry.places.tree import Node


@dataclass(frozen=True)
class Copied:
    """`images` are (source, destination, digest); `blobs` counts what became of each, `sent` the bytes written."""

    images: tuple[tuple[str, str, str], ...] = ()
    blobs: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    errors: tuple[BakeError, ...] = ()


async def copy(
    options: Options, source: str, destination: str, emit: Emit, *, platform: str = "", all_tags: bool = False
) -> Copied:
    """Copies one image, of one platform if it is named, or all tags of a repository. Raises BakeError.

    Tags at the destination move when all content is there; what is there already is not sent again.
    """
    here, there = where(source), where(destination)
    counts: Counter[str] = Counter()

    def count(event: Event) -> None:
        if isinstance(event, BlobFinished) and event.direction == "push":
            counts[event.outcome] += 1
            counts["bytes"] += event.bytes
        emit(event)

    with Session(options) as session:
        tell_notices(session, emit)
        place = opened(session, here, count)
        targets = sorted(await place.tags()) if all_tags else (named(here),)
        images = [(target, await _image(place, here, target, platform)) for target in targets]
        rows = [(node, _name(there, here, target, node, all_tags)) for target, node in images]
        errors: tuple[BakeError, ...] = ()
        try:
            if there.reference is not None:
                await _to_registry(session, place, here, there.reference, rows, count)
            else:
                await to_layout(session, place, there, rows, count)
        except BakeError as error:
            errors = (error,)
    sent = counts.pop("bytes", 0)
    told = tuple((_told(here, target), _told(there, name), node.descriptor.digest) for (target, _), (node, name) in
                 zip(images, rows, strict=True))  # fmt: skip
    return Copied(told, dict(counts), sent, errors)


async def _image(place: Place, here: Where, target: str, platform: str) -> Node:
    from bake.registry.places.tree import read_tree

    if not platform:
        return await read_tree(place, target)
    wanted = _platform(platform)
    node = await read_tree(place, target, lambda row: _is(row, wanted))
    while node.children:
        node = node.children[0]
    if not hasattr(node.content, "config"):
        message = f"{here} has no image for {wanted}"
        raise InputError(Diagnostic("no-such-platform", message, hint="`bake inspect` lists the platforms it has"))
    return node


def _platform(text: str) -> Platform:
    try:
        return parse_platform(text)
    except ValueError as error:
        raise InputError(Diagnostic("bad-platform", str(error))) from None


def _is(row: Descriptor, wanted: Platform) -> bool:
    try:
        return row.platform is not None and wanted.matches(row.platform.platform())
    except ValueError:
        return False


def _name(there: Where, here: Where, target: str, node: Node, all_tags: bool) -> str:
    """The tag at the destination: the one it names, else that of the source; "" for a digest. Raises InputError."""
    if all_tags:
        return target
    if is_digest(there.target):
        if there.target != node.descriptor.digest:
            message = f"{here} is {node.descriptor.digest}, not {there.target}"
            raise InputError(Diagnostic("digest-differs", message, hint="name a tag, or nothing but the repository"))
        return ""
    return there.target or ("" if is_digest(target) else target or DEFAULT_TAG)


async def _to_registry(
    session: Session, place: Place, here: Where, there: Reference, rows: Sequence[tuple[Node, str]], emit: Emit
) -> None:
    from bake.registry.publication import Publication
    from bake.registry.push import publish

    scratch = session.store.layers.scratch()
    spares: dict[str, Path] = {}

    async def content(blob: Descriptor) -> Path:
        if (known := session.store.blobs.path(blob.digest)) is not None:
            return known
        spares[blob.digest] = scratch / hex_of(blob.digest)
        return await _fetched(place, here, blob, spares[blob.digest], emit)

    def told(event: Event) -> None:
        if isinstance(event, BlobFinished) and event.digest in spares:
            with suppress(FileNotFoundError):
                spares[event.digest].unlink()
        emit(event)

    images = []
    for node, name in rows:
        below = tuple(each.document for each in node.walk()[:-1])
        tags = (Reference(there.domain, there.path, name),) if name else ()
        bare = () if name else (there.repository,)
        images.append(Publication(str(here), node.document, node.blobs(), tags, below, bare))
    await publish(session.registry, images, content, _Sources(session, here), told)


@dataclass(frozen=True)
class _Sources:
    """The locations that the store knows, and the source itself where it is in the registry that is written to."""

    session: Session
    here: Where

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        known = self.session.store.blobs.located(registry, digest)
        reference = self.here.reference
        if reference is not None and reference.domain == registry:
            return (reference.repository, *(each for each in known if each != reference.repository))
        return known

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        self.session.store.blobs.remember_location(registry, repository, digest)


async def _fetched(place: Place, here: Where, blob: Descriptor, spare: Path, emit: Emit) -> Path:
    if here.reference is None:
        return await place.file(blob, spare)
    about = {"digest": blob.digest, "size": blob.size, "direction": "pull", "repository": here.reference.repository}
    emit(BlobStarted(**about))  # type: ignore[arg-type]
    try:
        file = await place.file(blob, spare)
    except BakeError:
        emit(BlobFinished(**about, outcome="failed"))  # type: ignore[arg-type]
        raise
    emit(BlobFinished(**about, outcome="pulled", bytes=blob.size))  # type: ignore[arg-type]
    return file


def _told(place: Where, name: str) -> str:
    if place.reference is None:
        separator = "@" if is_digest(name) else ":"
        return f"{place.kind}:{place.path}" + (f"{separator}{name}" if name else "")
    separator = "@" if is_digest(name) else ":"
    return place.reference.repository + (f"{separator}{name or DEFAULT_TAG}" if name else "")
