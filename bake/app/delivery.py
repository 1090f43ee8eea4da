"""Publishing what is built: archives and blobs while other targets build, tags when all is done (SPEC §3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.archives import Archives
from bake.errors import BakeError, Diagnostic, HostError
from bake.events import Event
from bake.image.assemble import Assembled, assemble
from bake.image.index import index_of
from bake.oci.model import Descriptor
from bake.oci.reference import Reference, parse_reference
from bake.plan.outcome import Image
from bake.plan.tree import StateId
from bake.ports import Engine, Fetch, Store
from bake.spec.target import Target

if TYPE_CHECKING:
    from bake.registry.client import Registry
    from bake.registry.publication import Published


@dataclass(frozen=True)
class Job:
    """What one target publishes: where to, and how its documents are written."""

    target: str
    tags: tuple[Reference, ...]
    docker: bool = False
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Delivered:
    """The documents of a target: manifest digests by platform, and what its tags point at."""

    platforms: Mapping[str, str]
    root: Descriptor
    size: int


def job_of(target: Target, push: bool) -> Job | None:
    """What a target publishes, None when nothing: `--push` or `push = true`, or an output of type registry."""
    outputs = [row for row in target.output if row.get("type") == "registry" or _pushes(row)]
    wanted = (push and target.push != "never") or target.push == "always" or bool(outputs)
    if not wanted or not target.tags:
        return None
    docker = any(row.get("media-types") == "docker" for row in target.output)
    tags = tuple(parse_reference(tag).with_default_tag() for tag in target.tags)
    return Job(target.name, tags, docker, dict(target.annotations) or None)


def _pushes(row: Mapping[str, object]) -> bool:
    return row.get("type") == "image" and str(row.get("push", "")).lower() == "true"


class Delivery:
    """The publication of one run. `content` of base layers that are not here is downloaded only if it must be sent."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        fetch: Fetch,
        registry: Callable[[], Registry],
        emit: Callable[[Event], None],
    ) -> None:
        from bake.registry.push import Publisher

        self._store = store
        self._fetch = fetch
        self._states: dict[str, StateId] = {}
        self.archives = Archives(store, engine)
        self._publisher = Publisher(registry(), self._content, store.blobs, emit)
        self.delivered: dict[str, Delivered] = {}

    async def send(self, job: Job, images: Sequence[tuple[Image, tuple[StateId, ...]]]) -> None:
        """Puts everything but the tags of a target in place; (image, its layers' states) a platform.

        Raises PublishError.
        """
        from bake.registry.publication import Document, Publication

        assembled = [await self.assembled(job, image, states) for image, states in images]
        root, data = index_of(assembled, docker=job.docker)
        for made in assembled:
            self._store.blobs.put(made.config)
            self._store.blobs.put(made.manifest)
        self._store.blobs.put(data)
        self.delivered[job.target] = Delivered(
            {str(made.image.platform): made.descriptor.digest for made in assembled},
            root,
            sum(blob.size for made in assembled for blob in made.layers),
        )
        blobs = dict.fromkeys(b for made in assembled for b in (*made.layers, made.config_descriptor))
        manifests = tuple(Document(made.manifest, made.descriptor.media_type) for made in assembled)
        publication = Publication(
            job.target, Document(data, root.media_type), tuple(blobs), job.tags, manifests if len(assembled) > 1 else ()
        )
        await self._publisher.send(publication)

    async def assembled(self, job: Job, image: Image, states: tuple[StateId, ...]) -> Assembled:
        infos = {ref: await self.archives.info(state) for ref, state in zip(image.layers, states, strict=True)}
        for state, info in zip(states, infos.values(), strict=True):
            self._states[info.blob.digest] = state
        return assemble(image, infos, docker=job.docker, annotations=job.annotations)

    async def commit(self) -> tuple[Published, BakeError | None]:
        """Moves all tags; what was achieved, and what went wrong."""
        from bake.registry.publication import PublishError

        try:
            return await self._publisher.commit(), None
        except PublishError as error:
            return error.done, error

    async def _content(self, blob: Descriptor) -> Path:
        path = self._store.blobs.path(blob.digest)
        if path is not None:
            return path
        state = self._states.get(blob.digest)
        layer = self._store.layers.layer(state) if state else None
        if layer is None:
            raise HostError(
                Diagnostic("lost-blob", f"the blob {blob.digest} is gone from the store", hint="build again")
            )
        return await self._fetch(layer, blob, lambda _stream, _line: None)
