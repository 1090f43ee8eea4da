"""Publishing what is built: blobs while other targets build, tags and files when all is done (SPEC §3.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from bake.app.documents import Delivered, Documents
from bake.app.jobs import Job
from bake.errors import BakeError
from bake.events import Event
from bake.plan.outcome import Image
from bake.plan.tree import StateId
from bake.ports.store import Store

if TYPE_CHECKING:
    from bake.registry.client import Registry
    from bake.registry.push import Publisher

Put = Callable[[Job, Delivered], Awaitable[None]]
"""Writes the files of a job and loads it into engines; the last thing that is done."""


class Delivery:
    """The deliveries of one run. `published`: targets all of whose tags are out."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        registry: Callable[[], Registry],
        emit: Callable[[Event], None],
        put: Put,
    ) -> None:
        self._store = store
        self._registry = registry
        self._emit = emit
        self._put = put
        self._ready: list[tuple[Job, Delivered]] = []
        self.documents = documents
        self.delivered: dict[str, Delivered] = {}
        self.published: set[str] = set()

    @cached_property
    def _publisher(self) -> Publisher:
        from bake.registry.push import Publisher

        return Publisher(self._registry(), self.documents.content, self._store.blobs, self._emit)

    def alone(self) -> Delivery:
        """A delivery of its own for one target, whose failure is no other's (`--publish=eager`)."""
        return Delivery(self._store, self.documents, self._registry, self._emit, self._put)

    def absorb(self, other: Delivery) -> None:
        """Takes over what `other` has delivered."""
        self.delivered |= other.delivered
        self.published |= other.published

    async def send(self, job: Job, images: Sequence[tuple[Image, tuple[StateId, ...]]]) -> None:
        """Makes a target's documents and puts everything but tags and files in place. Raises PublishError."""
        made = await self.documents.make(job, images)
        if not job.plain and (job.pushes or job.target not in self.delivered):
            self.delivered[job.target] = made
        self._ready.append((job, made))
        if not job.pushes:
            return
        from bake.registry.publication import Document, Publication

        root = Document(made.data, made.root.media_type)
        below = tuple(Document(data, kind) for data, kind in made.manifests if data != made.data)
        configs = {str(image.config_descriptor.digest): image.config for image in made.images}
        await self._publisher.send(
            Publication(
                job.target, root, made.blobs, job.tags, below, job.repositories, job.rule, job.immutable, configs
            )
        )

    async def commit(self) -> BakeError | None:
        """Moves all tags and writes all files; what went wrong, if anything did."""
        problem = await self._move_tags() if any(job.tags for job, _ in self._ready) else None
        if problem is not None:
            return problem
        self.published |= {job.target for job, _ in self._ready if job.repositories}
        try:
            for job, made in self._ready:
                await self._put(job, made)
        except BakeError as error:
            return error
        self._ready.clear()
        return None

    async def _move_tags(self) -> BakeError | None:
        from bake.registry.publication import PublishError

        problem: BakeError | None = None
        try:
            done = await self._publisher.commit()
        except PublishError as error:
            problem, done = error, error.done
        self.published |= {tag.target for tag in done.tags}
        return problem
