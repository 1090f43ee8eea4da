"""Downloading: facts of base images for plans, blobs of their layers for engines and pushes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bake.errors import Diagnostic, LostLayer, RemoteError
from bake.events import BlobFinished, BlobProgress, BlobStarted, Event
from bake.oci.digest import hex_of
from bake.oci.model import Descriptor
from bake.oci.platform import Platform
from bake.oci.reference import Reference
from bake.plan.facts import ImageFact
from bake.ports.engine import Say
from bake.ports.layers import Layer
from bake.ports.store import Store

if TYPE_CHECKING:
    from bake.registry.client import Registry


class RegistryImages:
    """`gather.images.ImageSource` on the registry client."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def digest_of(self, reference: Reference) -> str:
        return (await self._registry.resolve(reference)).digest

    async def image(self, reference: Reference, platform: Platform) -> ImageFact:
        from bake.registry.pull import pull_image

        pulled = await pull_image(self._registry, reference, platform)
        return ImageFact(pulled.descriptor.digest, pulled.config, pulled.manifest.layers)


class Fetcher:
    """`ports.engine.Fetch` on the registry client: tries the repositories known to hold the blob, one after the other.

    `lost`: the layers of steps of which it was found out that nobody holds them any more.
    """

    def __init__(self, store: Store, registry: Callable[[], Registry]) -> None:
        self._store = store
        self._registry = registry
        self.emit: Callable[[Event], None] = lambda _event: None
        self.lost: list[LostLayer] = []

    async def __call__(self, layer: Layer, blob: Descriptor, say: Say) -> Path:
        path = self._store.blobs.path(blob.digest)
        if path is not None:
            return path
        problem: RemoteError | None = None
        for repository in layer.sources:
            say("progress", f"downloading {blob.digest[7:19]} from {repository}")
            try:
                if repository.startswith("/"):
                    return await copy_blob(Path(repository), blob, self._store)
                return await self._fetch(repository, blob)
            except RemoteError as error:
                problem = error
        problem = problem or RemoteError(
            Diagnostic("no-source", f"no registry is known to hold {blob.digest}", hint="build the base image again")
        )
        if layer.of_image:
            raise problem
        gone = frozenset(each.digest for each in layer.blobs)
        self.lost.append(LostLayer(problem.diagnostics, layer.state, blobs=gone))
        raise self.lost[-1]

    async def _fetch(self, repository: str, blob: Descriptor) -> Path:
        def progress(done: int) -> None:
            self.emit(
                BlobProgress(digest=blob.digest, direction="pull", repository=repository, current=done, size=blob.size)
            )

        self.emit(BlobStarted(digest=blob.digest, size=blob.size, direction="pull", repository=repository))
        from anyio import to_thread

        target = self._store.layers.scratch() / "blob"
        await self._registry().fetch_blob(repository, blob, target, progress)
        path = await to_thread.run_sync(self._store.blobs.adopt, target, blob.digest)  # it waits for the disk
        self._store.blobs.remember_location(repository.partition("/")[0], repository, blob.digest)
        self.emit(
            BlobFinished(
                digest=blob.digest,
                size=blob.size,
                direction="pull",
                repository=repository,
                outcome="pulled",
                bytes=blob.size,
            )
        )
        return path


async def copy_blob(layout: Path, blob: Descriptor, store: Store) -> Path:
    """A blob of an OCI layout, verified, into the store. Raises RemoteError when it is not there or damaged."""
    from hashlib import file_digest
    from shutil import copyfile

    from anyio import to_thread

    def copy() -> Path:
        target = store.layers.scratch() / "blob"
        try:
            copyfile(layout / "blobs" / "sha256" / hex_of(blob.digest), target)
            with open(target, "rb", buffering=0) as copied:
                found = f"sha256:{file_digest(copied, 'sha256').hexdigest()}"
        except OSError as error:
            message = f"cannot read {blob.digest} in {layout}: {error.strerror}"
            raise RemoteError(Diagnostic("no-source", message)) from None
        if found != blob.digest:
            raise RemoteError(Diagnostic("registry-content", f"{layout} holds something else as {blob.digest}"))
        return store.blobs.adopt(target, blob.digest)

    return await to_thread.run_sync(copy)
