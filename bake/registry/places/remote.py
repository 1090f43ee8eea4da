"""A repository of a registry as a place of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bake.oci.digest import Digest, is_digest
from bake.oci.model import Descriptor
from bake.oci.reference import DEFAULT_TAG, Reference
from bake.registry.client import Registry
from bake.registry.operation import Progress


class RemotePlace:
    """See places.Place. `progress` makes what takes the bytes of a download that came so far."""

    def __init__(
        self, registry: Registry, reference: Reference, progress: Callable[[Descriptor], Progress | None] | None = None
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._progress = progress or (lambda _descriptor: None)

    async def manifest(self, target: str) -> tuple[Descriptor, bytes]:
        domain, path = self._reference.domain, self._reference.path
        if is_digest(target):
            return await self._registry.manifest(Reference(domain, path, digest=Digest(target)))
        return await self._registry.manifest(Reference(domain, path, target or DEFAULT_TAG))

    async def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        return await self._registry.blob(self._reference.repository, descriptor, limit)

    async def file(self, descriptor: Descriptor, spare: Path) -> Path:
        progress = self._progress(descriptor)
        await self._registry.fetch_blob(self._reference.repository, descriptor, spare, progress)
        return spare

    async def tags(self) -> tuple[str, ...]:
        return await self._registry.tags(self._reference.repository)
