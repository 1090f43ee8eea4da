"""States of file systems and their layers: one of the parts of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from bake.oci.model import Descriptor
from bake.plan.tree import Listing, StateId, Tree, state_above


class Layer(msgspec.Struct, frozen=True):
    """The top layer of a state. `directory` holds its files as an overlay lower, None until it is unpacked.

    `diff_id` "" until it was archived; `created` unix seconds. `sources` are repositories known to hold its blob, or
    directories (absolute paths of OCI layouts).
    """

    state: StateId
    parent: StateId
    directory: Path | None
    created: float
    diff_id: str = ""
    blobs: tuple[Descriptor, ...] = ()
    sources: tuple[str, ...] = ()
    size: int = 0

    @property
    def of_image(self) -> bool:
        """Whether it is a layer of an image as published by others, not one that a step made."""
        return bool(self.diff_id) and self.state == state_above(self.parent, self.diff_id)


class Layers(Protocol):
    """States and their layers. A layer, once committed, is never changed."""

    def layer(self, state: StateId) -> Layer | None:
        """The top layer of `state`."""

    def chain(self, state: StateId) -> tuple[Layer, ...]:
        """All layers, bottom first; empty for SCRATCH. Raises HostError when one is missing."""

    def tree(self, state: StateId) -> Tree | None:
        """The whole view of a state; None while a layer of it is not unpacked."""

    def listing(self, state: StateId) -> Listing | None:
        """The top layer's changes; None while it is not unpacked."""

    def scratch(self) -> Path:
        """A new empty directory of this process in the store. Removed with the process, or by its heir."""

    def commit(self, parent: StateId, scratch: Path, listing_digest: str, *, created: float, size: int) -> Layer:
        """Makes `scratch` (holding `fs/` and `listing`) the layer over `parent`; atomic and idempotent.

        If the state exists already the scratch is dropped and the older layer returned: early cutoff.
        """

    def alias(self, parent: StateId, top: StateId) -> Layer:
        """The state that laying `top`'s own layer over `parent` makes (`COPY --link`); shares directory and time."""

    def add_image(
        self, diff_ids: Sequence[str], layers: Sequence[Descriptor], repository: str, created: float
    ) -> StateId:
        """Registers an image's layers, not downloaded yet. Idempotent. Returns the state of the top one."""

    def add_built(self, parent: StateId, diff_id: str, blob: Descriptor, created: float) -> Layer:
        """Registers a layer made elsewhere, of which only the archive is here, in the store. Idempotent.

        As an image's layer (`state_above`), but no registry is known to have it. The first time stays.
        """

    def adopt(
        self,
        parent: StateId,
        listing_digest: str,
        *,
        created: float,
        diff_id: str = "",
        blobs: Sequence[Descriptor] = (),
        sources: Sequence[str] = (),
        times_given: bytes = b"",
    ) -> Layer | None:
        """Registers a layer that a step made on another machine, not downloaded yet. None if `parent` is not here.

        Without blobs it is known by name only; whoever needs its files meets LostLayer. A layer that is here stays.
        `times_given`: see below; the archive does not tell it.
        """

    def forget(self, state: StateId) -> None:
        """Takes back that anybody else holds the layer's blobs; if its files are not here, the state goes as well."""

    def unpacked(self, state: StateId, scratch: Path, size: int) -> Layer:
        """Makes `scratch` (holding `fs/` and `listing`) the directory of a downloaded layer. Atomic, idempotent.

        Raises LostLayer when a layer that was adopted holds something else than its state names.
        """

    def archived(self, state: StateId, diff_id: str, blob: Descriptor) -> Layer:
        """Notes the archive of a layer; `blob` is in the store. The first diff id of a state stays."""

    def selection(self, state: StateId, selector: str) -> str | None:
        """The digest of a selection from a state, if it was ever made."""

    def selections(self, state: StateId) -> Mapping[str, str]:
        """Selector → digest of all selections that were made from a state."""

    def listing_digest(self, state: StateId) -> str:
        """The digest of the top layer's listing. Raises HostError for a state that is not here."""

    def times_given(self, state: StateId) -> bytes:
        """Which paths of the top layer have a given time, in the form of plan/listing.py."""

    def remember_selection(self, state: StateId, selector: str, digest: str) -> None:
        """Keep it. Not durable before the end of the run."""
