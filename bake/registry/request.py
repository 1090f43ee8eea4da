"""What is asked of a registry, as values; and whose address it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class FileBody:
    """The bytes `[offset, offset + size)` of a file as the body of a request."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """`patience`: seconds without a byte before giving up. `headers` may hold credentials: they stay out of repr."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | FileBody | None = field(default=None, repr=False)
    patience: float = 30.0

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme and host[:port]."""
        return origin(self.url)

    def with_header(self, name: str, value: str) -> Request:
        return replace(self, headers={**self.headers, name: value})


def origin(url: str) -> tuple[str, str]:
    """Scheme and host[:port] of a URL: the two that credentials belong to. A default port is left out."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, host.removesuffix(default) if default else host
