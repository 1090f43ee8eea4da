"""Publishing images all or nothing: blobs first, then manifests by digest, and the tags last of all.

A `Publisher` takes images as they are built (`send`) and moves all their tags at the end (`commit`). Each blob goes to
a registry at most once: it is looked for, then mounted from where it is known to be, and only then sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import anyio

from bake import events
from bake.errors import BakeError
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.oci.reference import DEFAULT_TAG, Reference
from bake.registry.client import Registry
from bake.registry.operation import Progress
from bake.registry.publication import BlobOutcome, Document, Publication, Published, PublishError
from bake.registry.tags import Tags
from bake.registry.together import together

Content = Callable[[Descriptor], Awaitable[Path]]
"""Where the bytes of a blob are; called only for one that must be sent, so it may still have to make or download it."""

Emit = Callable[[events.Event], None]


class Locations(Protocol):
    """Which repositories hold a blob, from earlier runs (ports/blobs.py)."""

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        """Repositories of `registry` known to hold the blob, the latest first."""

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        """Keep it."""


class Publisher:
    """One publication of any number of images. `uploads`: the most blobs sent to one registry at once."""

    def __init__(
        self, registry: Registry, content: Content, locations: Locations, emit: Emit, *, uploads: int = 5
    ) -> None:
        self._registry = registry
        self._content = content
        self._locations = locations
        self._emit = emit
        self._uploads = uploads
        self._slots: dict[str, anyio.CapacityLimiter] = {}
        self._claims: dict[tuple[str, str], anyio.Lock] = {}
        self._holders: dict[tuple[str, str], list[str]] = {}
        self._blobs: dict[tuple[str, str], BlobOutcome] = {}
        self._put_already: set[tuple[str, str]] = set()
        self._tags = Tags(registry, emit)
        self._failures: list[BakeError] = []

    @property
    def result(self) -> Published:
        """What was achieved so far."""
        return Published(tuple(self._blobs.values()), tuple(self._tags.outcomes))

    async def send(self, image: Publication) -> None:
        """Puts all of the image but its tags in place. Raises PublishError; what is under way is let finish.

        Any number may run at once. Tags that have the right digest already are left alone, with all that is below.
        """
        self._tags.waiting.update(dict.fromkeys(image.tags, image))
        settled, wanted = await self._looked(image)
        for repository in settled:
            for blob in image.blobs:
                self._finish(BlobOutcome(repository, blob, "present"))
        missing = [repository for repository in wanted if repository not in settled]
        await together([self._job(self._blob, repository, blob) for repository in missing for blob in image.blobs])
        self._check()
        await together([self._job(self._manifests, repository, image) for repository in missing])
        self._check()

    async def commit(self) -> Published:
        """Moves the tags of all images sent. Raises PublishError, which says which tags moved and which did not."""
        self._check()
        await self._job(self._tags.check)()
        self._check()
        await self._tags.move(self._move, self._job)
        self._check()
        return self.result

    def _check(self) -> None:
        if self._failures:
            raise PublishError(self._failures, self.result, list(self._tags.waiting))

    def _job(self, work: Callable[..., Awaitable[None]], *args: object) -> Callable[[], Awaitable[None]]:
        """A piece that starts only while nothing has failed, and whose failure lets the others end in peace."""

        async def job() -> None:
            if self._failures:
                return
            try:
                await work(*args)
            except _Abandoned:
                pass
            except BakeError as error:
                self._failures.append(error)

        return job

    async def _looked(self, image: Publication) -> tuple[set[str], tuple[str, ...]]:
        """(repositories that hold all of the image, as a tag there is right already; those that shall have it)."""
        settled: set[str] = set()
        wanted: dict[str, None] = {}

        async def look(tag: Reference) -> None:
            found = await self._tags.look(image, tag)
            if found == "right":
                settled.add(tag.repository)
            if found != "stays":
                wanted[tag.repository] = None

        await together([self._job(look, tag) for tag in image.tags])
        self._check()
        return settled, (*wanted, *(each for each in image.repositories if each not in wanted))

    async def _blob(self, repository: str, blob: Descriptor) -> None:
        async with self._claims.setdefault((repository, blob.digest), anyio.Lock()):
            if (repository, blob.digest) not in self._blobs:
                self._finish(await self._place(repository, blob))

    async def _place(self, repository: str, blob: Descriptor) -> BlobOutcome:
        """Looks, mounts or sends. Of several repositories of a registry one sends and the others mount from it."""
        domain = repository.partition("/")[0]
        offer = await self._registry.offer_blob(repository, blob.digest, self._known(domain, blob))
        if offer.outcome != "missing":
            return BlobOutcome(repository, blob, offer.outcome)
        async with self._claims.setdefault((domain, blob.digest), anyio.Lock()):
            if not self._holders.get((domain, blob.digest)):
                outcome = await self._send(repository, blob, offer.session)
                self._holders[domain, blob.digest] = [repository]
                return outcome
        again = await self._registry.offer_blob(repository, blob.digest, self._known(domain, blob))
        if again.outcome != "missing":
            return BlobOutcome(repository, blob, again.outcome)
        return await self._send(repository, blob, again.session)

    async def _send(self, repository: str, blob: Descriptor, session: str) -> BlobOutcome:
        domain = repository.partition("/")[0]
        slots = self._slots.setdefault(domain, anyio.CapacityLimiter(self._uploads))
        file = await self._content(blob)
        async with slots:
            if self._failures:
                raise _Abandoned
            self._emit(events.BlobStarted(digest=blob.digest, size=blob.size, direction="push", repository=repository))
            try:
                await self._registry.upload_blob(repository, blob, file, session, self._progress(repository, blob))
            except BakeError:
                self._emit(_finished(repository, blob, "failed"))
                raise
        return BlobOutcome(repository, blob, "pushed", blob.size)

    def _progress(self, repository: str, blob: Descriptor) -> Progress:
        def progress(current: int) -> None:
            self._emit(
                events.BlobProgress(
                    digest=blob.digest, direction="push", repository=repository, current=current, size=blob.size
                )
            )

        return progress

    def _known(self, domain: str, blob: Descriptor) -> Sequence[str]:
        here = self._holders.get((domain, blob.digest), ())
        return tuple(dict.fromkeys((*here, *self._locations.located(domain, blob.digest))))

    def _finish(self, outcome: BlobOutcome) -> None:
        """Notes and tells an outcome, once for each repository and blob."""
        blob, domain = outcome.descriptor, outcome.repository.partition("/")[0]
        if (outcome.repository, blob.digest) in self._blobs:
            return
        self._blobs[outcome.repository, blob.digest] = outcome
        holders = self._holders.setdefault((domain, blob.digest), [])
        if outcome.repository not in holders:
            holders.append(outcome.repository)
        self._locations.remember_location(domain, outcome.repository, blob.digest)
        self._emit(_finished(outcome.repository, blob, outcome.outcome, outcome.sent))

    async def _manifests(self, repository: str, image: Publication) -> None:
        """Each manifest once, whatever number of images names it: a registry may not find what is written anew."""
        for document in (*image.manifests, image.root):
            place = repository, document.digest
            async with self._claims.setdefault(place, anyio.Lock()):
                if place not in self._put_already:
                    await self._put(repository, document.digest, document)
                    self._put_already.add(place)

    async def _move(self, image: Publication, tag: Reference) -> Digest:
        return await self._put(tag.repository, tag.tag or DEFAULT_TAG, image.root)

    async def _put(self, repository: str, target: str, document: Document) -> Digest:
        return await self._registry.push_manifest(repository, target, document.data, document.media_type)


async def publish(
    registry: Registry, images: Sequence[Publication], content: Content, locations: Locations, emit: Emit
) -> Published:
    """Publishes several images as one: no tag moves before all their content is in place. Raises PublishError."""
    publisher = Publisher(registry, content, locations, emit)

    def sending(image: Publication) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            try:
                await publisher.send(image)
            except PublishError:
                pass  # the publisher keeps its failures, and commit raises them for all images together

        return send

    await together([sending(image) for image in images])
    return await publisher.commit()


class _Abandoned(Exception):
    """Ends a piece of work that is not worth starting, because another one failed."""


def _finished(
    repository: str,
    blob: Descriptor,
    outcome: Literal["pushed", "mounted", "present", "failed"],
    sent: int = 0,
) -> events.BlobFinished:
    return events.BlobFinished(
        digest=blob.digest, size=blob.size, direction="push", repository=repository, outcome=outcome, bytes=sent
    )
