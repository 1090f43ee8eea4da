"""Places that hold images: a repository of a registry, an OCI layout directory, a tar of one. Read alike.

`place_of` reads what a user writes: `[docker://]REFERENCE`, `oci:DIRECTORY[:TAG]`, `oci-archive:FILE[:TAG]`, or a path
that is recognised as one (`./out`, `/tmp/app.tar`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bake.oci.digest import is_digest
from bake.oci.model import Descriptor
from bake.oci.reference import DEFAULT_TAG, Reference, parse_reference

Kind = Literal["registry", "oci", "oci-archive"]


@dataclass(frozen=True, slots=True)
class Where:
    """One image, or with `target` "" whatever is there. `reference` of a registry, else `path` of a layout."""

    kind: Kind
    reference: Reference | None = None
    path: Path | None = None
    target: str = ""

    def __str__(self) -> str:
        if self.reference is not None:
            return str(self.reference)
        separator = "@" if is_digest(self.target) else ":"
        return f"{self.kind}:{self.path}" + (f"{separator}{self.target}" if self.target else "")


class Place(Protocol):
    """Where images are read from. All of it is verified; each method raises BakeError."""

    async def manifest(self, target: str) -> tuple[Descriptor, bytes]:
        """A manifest or index by tag or digest; "" is the only one there is, or `latest`."""

    async def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A small blob."""

    async def file(self, descriptor: Descriptor, spare: Path) -> Path:
        """A file that holds the blob: the place's own, or `spare`, filled with it."""

    async def tags(self) -> tuple[str, ...]:
        """All names of images there."""


def place_of(text: str) -> Where:
    """Raises ValueError with a reason fit for a user."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in ("oci", "oci-archive"):
        path, target = _split(rest)
        if not path:
            raise ValueError(f"'{text}' names no {'directory' if scheme == 'oci' else 'file'}")
        return Where("oci" if scheme == "oci" else "oci-archive", path=Path(path), target=target)
    if text.startswith(("./", "../", "/")) or text in (".", ".."):
        path, target = _split(text)
        return Where("oci-archive" if path.endswith(".tar") else "oci", path=Path(path), target=target)
    reference = parse_reference(text.removeprefix("docker://"))
    return Where("registry", reference=reference, target=reference.digest or reference.tag or "")


def _split(text: str) -> tuple[str, str]:
    """Path, and the tag or digest behind it."""
    path, at, digest = text.rpartition("@")
    if at and is_digest(digest):
        return path, digest
    path, colon, tag = text.rpartition(":")
    return (path, tag) if colon and "/" not in tag else (text, "")


def named(where: Where) -> str:
    """What to ask for: `latest` where a registry is named without a tag."""
    return where.target or (DEFAULT_TAG if where.kind == "registry" else "")
