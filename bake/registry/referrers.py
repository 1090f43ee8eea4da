"""What refers to a manifest (signatures, attestations): the referrers API, or its fallback tag where there is none.

Distribution spec, "Listing Referrers" and "Unavailable Referrers API": a registry that knows the API says so by the
header `OCI-Subject` when a manifest with a `subject` is put; for the others the writer keeps an index of the referrers
under the tag `sha256-<hex>` of the subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bake.errors import RemoteError
from bake.oci import media_types
from bake.oci.digest import hex_of, sha256
from bake.oci.documents import decode_manifest
from bake.oci.model import Descriptor, Index, Manifest, encode
from bake.oci.reference import Reference
from bake.registry import problems
from bake.registry.client import Registry
from bake.registry.operation import Operation
from bake.registry.problems import ResponseError

if TYPE_CHECKING:
    from bake.registry.endpoint import Endpoint

_TRIES = 5  # another writer may replace the fallback index between our reading and our writing


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest with a `subject`, to be pushed: its exact bytes. Its config and layers must be there already."""

    data: bytes
    media_type: str = media_types.OCI_MANIFEST


async def list_referrers(
    registry: Registry, repository: str, digest: str, artifact_type: str = ""
) -> tuple[Descriptor, ...]:
    """The manifests in `repository` whose subject is `digest`, of one artifact type unless that is "".

    Raises RemoteError.
    """

    def work(op: Operation, endpoint: Endpoint, path: str) -> tuple[Descriptor, ...] | None:
        from bake.registry import reading

        return reading.referrers(op, endpoint, path, digest)

    found = await registry.ask(f"list what refers to {digest} in {repository}", repository, work)
    if found is None:
        found = (await _fallback(registry, _tagged(repository, digest))).manifests
    return tuple(row for row in found if not artifact_type or row.artifact_type == artifact_type)


async def push_referrer(registry: Registry, repository: str, referrer: Referrer) -> Descriptor:
    """Puts the manifest by its digest, and where the registry knows no referrers, into the index of the fallback tag.

    Idempotent. Raises RemoteError, and ValueError for a manifest without a subject.
    """
    manifest = decode_manifest(referrer.data, referrer.media_type)
    if not isinstance(manifest, Manifest) or manifest.subject is None:
        raise ValueError("a referrer is a manifest with a subject")
    digest = sha256(referrer.data)

    def work(op: Operation, endpoint: Endpoint, path: str) -> bool:
        from bake.registry import writing

        return writing.push_with_subject(op, endpoint, path, referrer.data, referrer.media_type)

    known = await registry.ask(f"push {repository}@{digest}", repository, work)
    descriptor = _described(referrer, manifest)
    if not known:
        await _add(registry, _tagged(repository, manifest.subject.digest), descriptor)
    return descriptor


def _described(referrer: Referrer, manifest: Manifest) -> Descriptor:
    """As the referrers API would tell it."""
    kind = manifest.artifact_type or manifest.config.media_type
    return Descriptor(
        referrer.media_type, sha256(referrer.data), len(referrer.data), manifest.annotations, artifact_type=kind
    )


def _tagged(repository: str, digest: str) -> Reference:
    domain, _, path = repository.partition("/")
    return Reference(domain, path, f"sha256-{hex_of(digest)}")


async def _fallback(registry: Registry, tag: Reference) -> Index:
    """The index under a fallback tag; an empty one when there is none."""
    try:
        _, data = await registry.manifest(tag)
    except ResponseError as error:
        if error.status == 404:
            return Index()
        raise
    try:
        index = decode_manifest(data)
    except ValueError as error:
        raise problems.broken(f"read {tag}", str(error)) from None
    if not isinstance(index, Index):
        raise problems.broken(f"read {tag}", "it is no index of referrers but an image")
    return index


async def _add(registry: Registry, tag: Reference, descriptor: Descriptor) -> None:
    """Adds an entry; read again after each write, as no registry of this kind can tell that it changed meanwhile."""
    for _ in range(_TRIES):
        index = await _fallback(registry, tag)
        if any(row.digest == descriptor.digest for row in index.manifests):
            return
        grown = msgspec.structs.replace(index, manifests=(*index.manifests, descriptor))
        await registry.push_manifest(tag.repository, tag.target, encode(grown), media_types.OCI_INDEX)
    index = await _fallback(registry, tag)
    if not any(row.digest == descriptor.digest for row in index.manifests):
        raise _lost(tag)


def _lost(tag: Reference) -> RemoteError:
    return problems.broken(f"add to {tag}", "others keep replacing it", "push again when they are done")
