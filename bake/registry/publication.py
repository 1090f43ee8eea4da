"""What is to be published and what came of it, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bake.errors import BakeError, Diagnostic, RemoteError
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor
from bake.oci.reference import Reference


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index with its exact bytes."""

    data: bytes = field(repr=False)
    media_type: str

    @property
    def digest(self) -> Digest:
        return sha256(self.data)


Rule = Literal["always", "if-changed", "if-missing"]
"""When a tag that is there moves: to any other digest, not for new times alone, or not at all."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One target's image and where it goes.

    `root` is what the tags will point at; `manifests` are those that an index `root` names; `blobs` all configs and
    layers, of all of them. `repositories` get the image by digest only, those of `tags` need not be repeated.
    Tags that match one of `immutable` never move. `configs`: digest → bytes of the images' configs, for `if-changed`.
    """

    target: str
    root: Document
    blobs: tuple[Descriptor, ...]
    tags: tuple[Reference, ...] = ()
    manifests: tuple[Document, ...] = ()
    repositories: tuple[str, ...] = ()
    rule: Rule = "always"
    immutable: tuple[str, ...] = ()
    configs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class BlobOutcome:
    """`sent`: bytes that crossed the network; 0 for a blob that was there or was mounted."""

    repository: str
    descriptor: Descriptor
    outcome: Literal["pushed", "mounted", "present"]
    sent: int = 0


@dataclass(frozen=True, slots=True)
class TagOutcome:
    """`unchanged`: the registry had this digest under this tag already, so nothing was sent."""

    target: str
    tag: Reference
    digest: Digest
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """All blobs, each once a repository, and all tags."""

    blobs: tuple[BlobOutcome, ...] = ()
    tags: tuple[TagOutcome, ...] = ()


class PublishError(RemoteError):
    """A publication that is not whole. `done` is what was achieved; `missing` are the tags that did not move."""

    def __init__(self, causes: Sequence[BakeError], done: Published, missing: Sequence[Reference]) -> None:
        found = dict.fromkeys(d for cause in causes for d in cause.diagnostics)
        super().__init__((*found, *_state(done, missing)))
        self.exit_code = max((c.exit_code for c in causes), default=RemoteError.exit_code)
        self.done = done
        self.missing = tuple(missing)


def _state(done: Published, missing: Sequence[Reference]) -> list[Diagnostic]:
    """What a user must know after a failure: which tags are out, and that the rest can simply be pushed again."""
    if not missing:
        return []
    there = [t.tag.familiar for t in done.tags]
    moved = f"published: {', '.join(there)}" if there else "no tag was moved"
    message = f"{moved}; not published: {', '.join(t.familiar for t in missing)}"
    hint = "push again to go on: what is in the registry already is not sent twice"
    return [Diagnostic("not-published", message, hint=hint, severity="info")]
