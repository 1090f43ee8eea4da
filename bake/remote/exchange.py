"""Artifacts of caches to and from one repository of a registry: documents, catalogs, archives of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Literal

from bake.errors import RemoteError
from bake.events import BlobFinished, BlobStarted, Event
from bake.oci import media_types
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, Manifest
from bake.oci.reference import Reference
from bake.plan.key import Parts
from bake.registry.client import Registry
from bake.registry.problems import ResponseError
from bake.remote import artifact as form
from bake.remote.artifact import Artifact, NotOurs, held_by
from bake.remote.catalog import Catalog, without
from bake.remote.coding import PACKED_LIMIT, BadCatalog, decode, decode_parts, encode, encode_parts
from bake.remote.gathered import gather


class Exchange:
    """`base` names the repository. Blobs that were read once are kept for the run, as they never change."""

    def __init__(
        self, registry: Registry, base: Reference, scratch: Callable[[], Path], emit: Callable[[Event], None]
    ) -> None:
        self._registry = registry
        self._base = base
        self._scratch = scratch
        self._emit = emit
        self._blobs: dict[str, bytes] = {}
        self.repository = base.repository
        self.sent = 0

    async def artifact(self, tag: str, digest: Digest | None = None) -> Artifact | None:
        """What lies under a tag; None if there is nothing. Raises RemoteError, and NotOurs for what is no cache."""
        reference = Reference(self._base.domain, self._base.path, tag, digest)
        try:
            descriptor, data = await self._registry.manifest(reference)
        except ResponseError as error:
            if error.status == 404:
                return None
            raise
        try:
            return form.read(data, descriptor.media_type)
        except NotOurs as error:
            beside = await self._beside(descriptor) if error.image is not None else None
            if beside is None:
                raise NotOurs(await self._told(error)) from None
            return beside

    async def _beside(self, image: Descriptor) -> Artifact | None:
        """The cache that lies beside an image (`type=inline`)."""
        reference = Reference(self._base.domain, self._base.path, form.beside(image.digest), None)
        with suppress(ResponseError, NotOurs):
            descriptor, data = await self._registry.manifest(reference)
            return form.read(data, descriptor.media_type)
        return None

    async def _told(self, error: NotOurs) -> str:
        """What an image is, more exactly where it holds an inline cache of BuildKit."""
        if isinstance(error.image, Manifest):
            with suppress(RemoteError):
                if form.BUILDKIT_INLINE in await self._registry.blob(self.repository, error.image.config):
                    return "it is an image with an inline cache of BuildKit, whose keys mean something else than bake's"
        return str(error)

    async def catalog(self, artifact: Artifact) -> Catalog:
        """Raises RemoteError or BadCatalog."""
        return decode(await self._blob(artifact.catalog))

    async def parts(self, artifacts: Iterable[Artifact]) -> Mapping[str, Parts]:
        """The parts of all keys that can be had: they only explain, so what cannot be read is left out."""

        async def one(artifact: Artifact) -> Mapping[str, Parts]:
            with suppress(RemoteError, BadCatalog):
                return decode_parts(await self._blob(artifact.parts))
            return {}

        found = await gather([partial(one, artifact) for artifact in artifacts])
        return {key: parts for rows in found for key, parts in rows.items()}

    async def _blob(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._blobs:
            self._blobs[descriptor.digest] = await self._registry.blob(self.repository, descriptor, PACKED_LIMIT)
            self._tell(descriptor, "pull")
        return self._blobs[descriptor.digest]

    async def put(
        self, tag: str, catalog: Catalog, held: Mapping[str, Path], absorbed: tuple[str, ...] = (), horizon: int = 0
    ) -> None:
        """Puts an artifact of this catalog under a tag. Raises RemoteError."""
        wanted = held_by(catalog)
        await gather([partial(self._upload, wanted[digest], held[digest]) for digest in wanted.keys() & held.keys()])
        try:
            await self._document(tag, catalog, tuple(wanted.values()), absorbed, horizon)
        except ResponseError as error:
            gone = await self._gone(wanted) if error.status in (400, 404) else frozenset()
            if not gone:
                raise
            rows = tuple(blob for digest, blob in wanted.items() if digest not in gone)
            await self._document(tag, without(catalog, gone), rows, absorbed, horizon)

    async def _gone(self, wanted: Mapping[str, Descriptor]) -> frozenset[str]:
        """Archives that the repository held once and that somebody has removed."""
        there = await gather([partial(self._registry.has_blob, self.repository, digest) for digest in wanted])
        return frozenset(digest for digest, has in zip(wanted, there, strict=True) if not has)

    async def _document(
        self, tag: str, catalog: Catalog, rows: tuple[Descriptor, ...], absorbed: tuple[str, ...], horizon: int
    ) -> None:
        first, second = encode(catalog), encode_parts(catalog.parts)
        blobs = (
            (form.CONFIG_DESCRIPTOR, form.CONFIG),
            (Descriptor(form.CATALOG_TYPE, sha256(first), len(first)), first),
            (Descriptor(form.PARTS_TYPE, sha256(second), len(second)), second),
        )
        directory = self._scratch()
        try:
            for number, (blob, data) in enumerate(blobs):
                file = directory / str(number)
                file.write_bytes(data)
                await self._upload(blob, file)
                self._blobs[blob.digest] = data
        finally:
            rmtree(directory, ignore_errors=True)
        data = form.document(Artifact(blobs[1][0], blobs[2][0], rows, absorbed, horizon))
        await self._registry.push_manifest(self.repository, tag, data, media_types.OCI_MANIFEST)
        self.sent += len(data)

    async def _upload(self, blob: Descriptor, file: Path) -> None:
        if await self._registry.push_blob(self.repository, blob, file) == "pushed":
            self.sent += blob.size
            self._tell(blob, "push")

    def _tell(self, blob: Descriptor, direction: Literal["push", "pull"]) -> None:
        outcome: Literal["pushed", "pulled"] = "pushed" if direction == "push" else "pulled"
        size, where = blob.size, self.repository
        self._emit(BlobStarted(digest=blob.digest, size=size, direction=direction, repository=where))
        self._emit(
            BlobFinished(
                digest=blob.digest, size=size, direction=direction, repository=where, outcome=outcome, bytes=size
            )
        )
