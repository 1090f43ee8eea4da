"""Configs, manifests and indexes of built targets, with the blobs that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bake.app.archives import Archives
from bake.app.attesting import Attestor
from bake.app.jobs import Job
from bake.errors import Diagnostic, HostError
from bake.image.annotations import select
from bake.image.assemble import Assembled, assemble
from bake.image.form import Form
from bake.image.index import index_of
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.plan.outcome import Image
from bake.plan.tree import SCRATCH, StateId
from bake.ports.engine import Engine, Fetch
from bake.ports.store import Store

if TYPE_CHECKING:
    from bake.image.attest.statement import Attached, Statement


@dataclass(frozen=True)
class Delivered:
    """A target's documents: one image a platform, and what its tags point at. `finals`: each image's final state.

    Of a plain job (see `Job.plain`) there are only those.
    """

    images: tuple[Assembled, ...]
    root: Descriptor
    data: bytes = field(repr=False)
    finals: tuple[tuple[Image, StateId], ...] = ()
    statements: tuple[tuple[Statement, ...], ...] = ()
    attached: tuple[Attached, ...] = ()

    @property
    def platforms(self) -> Mapping[str, str]:
        """Manifest digests by platform."""
        return {str(made.image.platform): made.descriptor.digest for made in self.images}

    @property
    def manifests(self) -> tuple[tuple[bytes, str], ...]:
        """(bytes, media type) of every manifest; the root is among them when there is no index."""
        images = ((made.manifest, made.descriptor.media_type) for made in self.images)
        return (*images, *((each.manifest, each.descriptor.media_type) for each in self.attached))

    @property
    def size(self) -> int:
        """Bytes of all layers, compressed."""
        return sum(blob.size for made in self.images for blob in made.layers)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Layers, configs and statements, each once."""
        images = [blob for made in self.images for blob in (*made.layers, made.config_descriptor)]
        return tuple(dict.fromkeys((*images, *(blob for each in self.attached for blob, _ in each.blobs))))


_NOTHING = Descriptor("", Digest(""), 0)


def _root(form: Form, images: Sequence[Assembled], attached: Sequence[Attached]) -> tuple[Descriptor, bytes]:
    """What a tag points at."""
    own, outer = (select(form.annotations, level) for level in ("index", "index-descriptor"))
    statements = [each.descriptor for each in attached]
    return index_of(images, statements, docker=form.docker, annotations=own, of_descriptor=outer)


def _attach(job: Job, images: Sequence[Assembled], statements: Sequence[Sequence[Statement]]) -> tuple[Attached, ...]:
    """The attestation manifest of each image; none when nothing is stated."""
    if not statements:
        return ()
    from bake.image.attest.statement import attach

    return tuple(
        attach(made.descriptor, found, job.names, made.image.platform, artifact=job.form.artifacts)
        for made, found in zip(images, statements, strict=True)
    )


class Documents:
    """Makes them, keeps them in the store, and finds the content of what they name."""

    def __init__(self, store: Store, engine: Engine, fetch: Fetch, attestor: Attestor) -> None:
        self._store = store
        self._attestor = attestor
        self._fetch = fetch
        self._states: dict[str, StateId] = {}
        self.archives = Archives(store, engine)

    async def make(self, job: Job, images: Sequence[tuple[Image, tuple[StateId, ...]]]) -> Delivered:
        """(image, its layers' states) a platform → documents, which are in the store then. Archives what is missing."""
        finals = tuple((image, states[-1] if states else SCRATCH) for image, states in images)
        if job.plain:
            return Delivered((), _NOTHING, b"", finals)
        assembled = [await self._assembled(job.form, image, states) for image, states in images]
        statements = await self._statements(job, assembled, finals) if job.attest else []
        attached = _attach(job, assembled, statements)
        root, data = _root(job.form, assembled, attached)
        for each in attached:
            for blob in (each.manifest, *(data for _, data in each.blobs)):
                self._store.blobs.put(blob)
        for made in assembled:
            self._store.blobs.put(made.config)
            self._store.blobs.put(made.manifest)
        self._store.blobs.put(data)
        return Delivered(tuple(assembled), root, data, finals, tuple(map(tuple, statements)), attached)

    async def _statements(
        self, job: Job, images: Sequence[Assembled], finals: Sequence[tuple[Image, StateId]]
    ) -> list[list[Statement]]:
        rows = zip(images, finals, strict=True)
        return [await self._attestor.statements(job.attest, made, final, job.names) for made, (_, final) in rows]

    async def _assembled(self, form: Form, image: Image, states: tuple[StateId, ...]) -> Assembled:
        infos = {}
        for ref, state in zip(image.layers, states, strict=True):
            infos[ref] = await self.archives.info(state, form.compression, form.latest_file(image))
            self._states[infos[ref].blob.digest] = state
        own, outer = (select(form.annotations, level, image.platform) for level in ("manifest", "manifest-descriptor"))
        return assemble(image, infos, docker=form.docker, annotations=own, of_descriptor=outer, epoch=form.epoch(image))

    async def content(self, blob: Descriptor) -> Path:
        """Where the bytes of a blob are; a base's layer that is not here is downloaded."""
        path = self._store.blobs.path(blob.digest)
        if path is not None:
            return path
        state = self._states.get(blob.digest)
        layer = self._store.layers.layer(state) if state else None
        if layer is None:
            message = f"the blob {blob.digest} is gone from the store"
            raise HostError(Diagnostic("lost-blob", message, hint="build again"))
        return await self._fetch(layer, blob, lambda _stream, _line: None)
