"""OCI layouts as named contexts: `oci-layout://PATH[:TAG][@DIGEST]` (reference/dockerfile.md §13). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from bake.oci.digest import is_digest
from bake.plan.bases import LAYOUT
from bake.plan.facts import join


@dataclass(frozen=True, slots=True)
class Layout:
    """An image in a layout: `directory` absolute, `digest` "" where a tag chooses."""

    directory: str
    tag: str = "latest"
    digest: str = ""

    @property
    def question(self) -> str:
        """As the reference of an ImageQuery."""
        return f"{LAYOUT}{self.directory}:{self.tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def reference(self) -> str:
        """A name for its layers in the store. Nobody can be asked for it: `.invalid` is no domain (RFC 2606)."""
        return f"oci-layout.invalid/{sha256(self.directory.encode()).hexdigest()[:16]}:latest"


def parse_layout(text: str, root: str = "/") -> Layout:
    """`text` is what follows the scheme; relative paths count from `root`. Raises ValueError."""
    path, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise ValueError(f"invalid digest '{digest}'")
    head, colon, tag = path.rpartition(":")
    if not colon or "/" in tag:
        head, tag = path, "latest"
    if not head:
        raise ValueError("it names no directory")
    return Layout(join(root, head), tag or "latest", digest)
