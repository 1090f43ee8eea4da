"""Base images → facts: a tag is looked up once a run, a digest never, and what was known last serves when offline.

SPEC §3.7. The registry is behind `ImageSource`, so this decides only when to ask and what to remember.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import msgspec

from bake.errors import BakeError, Diagnostic, InputError, RemoteError, nearest
from bake.gather.kept import kept
from bake.oci.digest import Digest
from bake.oci.model import Descriptor, ImageConfig
from bake.oci.platform import Platform, parse_platform
from bake.oci.reference import Reference, parse_reference
from bake.plan.facts import ImageFact, ImageQuery
from bake.ports.files import Files


class ImageSource(Protocol):
    """A registry, as far as facts need it. Both raise RemoteError."""

    async def digest_of(self, reference: Reference) -> str:
        """What the tag points at now (one HEAD)."""

    async def image(self, reference: Reference, platform: Platform) -> ImageFact:
        """The manifest and config for a platform; `reference` has a digest."""


class _Known(msgspec.Struct, frozen=True):
    digest: str
    config: ImageConfig
    layers: tuple[Descriptor, ...]


async def image_fact(
    query: ImageQuery, source: ImageSource, files: Files, warn: Callable[[Diagnostic], None], pinned: str = ""
) -> ImageFact:
    """The fact of one base image. `pinned`: the digest that bake.lock has for it, for which nobody is asked.

    Raises RemoteError, with the place where it is named, when it is neither reachable nor known.
    """
    try:
        return await _image_fact(query, source, files, warn, pinned)
    except BakeError as error:
        error.diagnostics = tuple(_placed(diagnostic, query) for diagnostic in error.diagnostics)
        raise


def _placed(diagnostic: Diagnostic, query: ImageQuery) -> Diagnostic:
    """At the place of the name; what is nearly a stage was probably meant to be one."""
    near = nearest(parse_reference(query.reference).familiar.removesuffix(":latest"), query.stages)
    hint = f"did you mean the stage {near}?" if near else diagnostic.hint
    return replace(diagnostic.at(query.span), hint=hint)


async def _image_fact(
    query: ImageQuery, source: ImageSource, files: Files, warn: Callable[[Diagnostic], None], pinned: str
) -> ImageFact:
    reference = parse_reference(query.reference)
    digest = reference.digest or pinned or await _current(reference, query.pull, source, files, warn)
    name = f"{reference.repository}@{digest} {query.platform}"
    found = kept(files.fact("image", name), _Known)
    if found is not None:
        return ImageFact(found.digest, found.config, found.layers)
    exact = Reference(reference.domain, reference.path, None, Digest(digest))
    fact = await source.image(exact, parse_platform(query.platform))
    count = len(fact.config.rootfs.diff_ids)
    if len(fact.layers) != count:
        message = f"{query.reference}: the manifest has {len(fact.layers)} layers, its config {count}"
        raise InputError(Diagnostic("bad-image", message))
    files.remember_fact("image", name, msgspec.msgpack.encode(_Known(fact.digest, fact.config, fact.layers)))
    return fact


async def _current(
    reference: Reference, pull: bool, source: ImageSource, files: Files, warn: Callable[[Diagnostic], None]
) -> str:
    """The digest of a tag now, or the one known last when the registry is out of reach."""
    name = str(reference)
    try:
        digest = await source.digest_of(reference)
    except RemoteError as error:
        last = files.fact("tag", name)
        unreachable = any(d.code == "registry-unreachable" for d in error.diagnostics)
        if last is None or pull or not unreachable:
            raise
        message = f"{name} could not be looked up ({error}); the digest known last is used"
        warn(Diagnostic("offline", message, severity="warning", hint="--pull makes this an error"))
        return last.decode(errors="replace")
    if files.fact("tag", name) != digest.encode():
        files.remember_fact("tag", name, digest.encode())
    return digest
