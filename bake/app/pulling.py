"""`bake pull`: images of registries into the store, so that builds on them need no network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bake.app.fetching import RegistryImages
from bake.app.notices import Emit, found, tell_notices
from bake.app.options import Options
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.gather.images import image_fact
from bake.oci.platform import parse_platform
from bake.oci.reference import Reference, parse_reference
from bake.plan.facts import ImageFact, ImageQuery
from bake.plan.tree import SCRATCH
from bake.ports.layers import Layer
from bake.registry.together import together


@dataclass(frozen=True)
class Pulled:
    """`images` are (reference, platform, manifest digest, bytes of its layers)."""

    images: tuple[tuple[str, str, str, int], ...] = ()
    errors: tuple[BakeError, ...] = ()


async def pull(options: Options, names: Sequence[str], emit: Emit, *, platforms: Sequence[str] = ()) -> Pulled:
    """Downloads what the store lacks of each image and platform (the host's by default), verified.

    All or as much as can be had: what failed is in `errors`. Raises InputError.
    """
    references = [_reference(name) for name in names]
    wanted = [_platform(text) for text in platforms]
    with Session(options) as session:
        tell_notices(session, emit)
        session.fetcher.emit = emit
        rows: list[tuple[str, str, str, int]] = []
        errors: list[BakeError] = []
        for reference in references:
            for platform in wanted or [str(session.platform)]:
                try:
                    fact = await _fact(session, reference, platform, emit)
                    await _layers(session, reference, fact)
                except BakeError as error:
                    errors.append(error)
                else:
                    rows.append((reference.familiar, platform, fact.digest, sum(row.size for row in fact.layers)))
    return Pulled(tuple(rows), tuple(errors))


def _reference(name: str) -> Reference:
    try:
        return parse_reference(name.removeprefix("docker://")).with_default_tag()
    except ValueError as error:
        raise InputError(Diagnostic("bad-reference", str(error))) from None


def _platform(text: str) -> str:
    try:
        return str(parse_platform(text))
    except ValueError as error:
        raise InputError(Diagnostic("bad-platform", str(error))) from None


async def _fact(session: Session, reference: Reference, platform: str, emit: Emit) -> ImageFact:
    """As a build would look the image up, and remember it; but out of reach is an error."""
    query = ImageQuery(str(reference), platform, pull=True)
    source = RegistryImages(session.registry)
    return await image_fact(query, source, session.store.files, lambda d: emit(found(d)))


async def _layers(session: Session, reference: Reference, fact: ImageFact) -> None:
    store, failures = session.store, list[BakeError]()
    top = store.layers.add_image(fact.config.rootfs.diff_ids, fact.layers, reference.repository, 0.0)

    def fetching(layer: Layer) -> Callable[[], Awaitable[None]]:
        async def fetch() -> None:
            if failures:
                return
            try:
                await session.fetcher(layer, layer.blobs[0], lambda *_: None)
            except BakeError as error:
                failures.append(error)

        return fetch

    chain = store.layers.chain(top) if top != SCRATCH else ()
    await together([fetching(layer) for layer in chain if layer.directory is None])
    if failures:
        raise failures[0]
