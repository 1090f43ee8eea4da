"""Publishing what is built: blobs while other targets build, tags and files when all is done (SPEC §3.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.documents import Delivered, Documents
from bake.app.jobs import Job
from bake.errors import BakeError, Diagnostic, HostError
from bake.events import Event
from bake.plan.outcome import Image
from bake.plan.tree import StateId
from bake.ports import Store

if TYPE_CHECKING:
    from bake.registry.client import Registry
    from bake.registry.push import Publisher


class Delivery:
    """The deliveries of one run. `published`: targets all of whose tags are out."""

    def __init__(
        self, store: Store, documents: Documents, registry: Callable[[], Registry], emit: Callable[[Event], None]
    ) -> None:
        self._store = store
        self._registry = registry
        self._emit = emit
        self._jobs: dict[str, Job] = {}
        self.documents = documents
        self.delivered: dict[str, Delivered] = {}
        self.published: set[str] = set()

    @cached_property
    def _publisher(self) -> Publisher:
        from bake.registry.push import Publisher

        return Publisher(self._registry(), self.documents.content, self._store.blobs, self._emit)

    def alone(self) -> Delivery:
        """A delivery of its own for one target, whose failure is no other's (`--publish=eager`)."""
        return Delivery(self._store, self.documents, self._registry, self._emit)

    def absorb(self, other: Delivery) -> None:
        """Takes over what `other` has delivered."""
        self.delivered |= other.delivered
        self.published |= other.published

    async def send(self, job: Job, images: Sequence[tuple[Image, tuple[StateId, ...]]]) -> None:
        """Makes a target's documents and puts everything but tags and files in place. Raises PublishError."""
        made = await self.documents.make(job, images)
        self.delivered[job.target] = made
        self._jobs[job.target] = job
        if not job.tags:
            return
        from bake.registry.publication import Document, Publication

        manifests = tuple(Document(image.manifest, image.descriptor.media_type) for image in made.images)
        root = Document(made.data, made.root.media_type)
        several = manifests if len(manifests) > 1 else ()
        await self._publisher.send(Publication(job.target, root, made.blobs, job.tags, several))

    async def commit(self) -> BakeError | None:
        """Moves all tags and writes all files; what went wrong, if anything did."""
        problem = await self._move_tags() if any(job.tags for job in self._jobs.values()) else None
        if problem is not None:
            return problem
        try:
            for job in self._jobs.values():
                await self._write(job)
        except OSError as error:
            message = f"cannot write {error.filename}: {error.strerror}"
            return HostError(Diagnostic("output-failed", message, hint="check `dest` of the output"))
        except BakeError as error:
            return error
        self._jobs.clear()
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

    async def _write(self, job: Job) -> None:
        if not job.files:
            return
        from anyio import to_thread

        from bake.export import EXPORTERS, Exported

        made = self.delivered[job.target]
        paths: dict[str, Path] = {blob.digest: await self.documents.content(blob) for blob in made.blobs}
        exported = Exported(made.images, made.root, made.data, paths, tuple(str(name) for name in job.names))
        for output in job.files:
            await to_thread.run_sync(EXPORTERS[output.kind], exported, output.dest, output.tar)
