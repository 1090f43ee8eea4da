"""What a store remembers of the world outside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Files(Protocol):
    """What is known of files of this host and of URLs, so that unchanged ones are not read again."""

    def digests(self, root: str) -> Mapping[str, tuple[tuple[int, ...], str]]:
        """Relative path → (stamp, sha256 hex) of the last scan of `root`; one query."""

    def remember_digests(self, root: str, rows: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        """Replace or add rows. One transaction."""

    def fact(self, kind: str, name: str) -> bytes | None:
        """A remembered fact of the outside (`image`, `url`, `git`), as its adapter encoded it."""

    def remember_fact(self, kind: str, name: str, value: bytes) -> None:
        """Keep it. Durable at return."""
