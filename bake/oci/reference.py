"""Image references: `[domain/]path[:tag][@digest]`, normalised as docker does (distribution/reference).

A first part with a dot or a colon, with an upper-case letter, or `localhost` is a registry; without one the image is
on docker.io, and a one-part name there is under `library/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bake.oci.digest import Digest, is_digest

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_OFFICIAL = "library/"
_LEGACY_DOMAIN = "index.docker.io"

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_MAX_PATH = 255


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A normalised image reference; build one with `parse_reference`. `str()` is the full form."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        return self.name_tag + (f"@{self.digest}" if self.digest else "")

    @property
    def repository(self) -> str:
        """`domain/path`."""
        return f"{self.domain}/{self.path}"

    @property
    def name_tag(self) -> str:
        """`domain/path:tag`, without the digest; without a tag just the repository."""
        return self.repository + (f":{self.tag}" if self.tag else "")

    @property
    def familiar(self) -> str:
        """The shortest text that still parses to this reference: `alpine:3` for `docker.io/library/alpine:3`."""
        if self.domain != DEFAULT_DOMAIN:
            return str(self)
        rest = str(self).removeprefix(DEFAULT_DOMAIN + "/")
        for short in (rest.removeprefix(_OFFICIAL), rest):
            if _parses_to(short, self):
                return short
        return str(self)

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest when there is one, else the tag, else `latest`."""
        return self.digest or self.tag or DEFAULT_TAG

    def with_default_tag(self) -> Reference:
        """With `latest` when it has neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)

    def with_digest(self, digest: Digest) -> Reference:
        """The same name and tag pinned to `digest`."""
        return replace(self, digest=digest)


def parse_reference(text: str) -> Reference:
    """`alpine`, `user/app:1.0`, `localhost:5000/x@sha256:…`. Raises ValueError with a reason fit for a user."""
    if not text:
        raise ValueError("an image reference must not be empty")
    if text != text.strip() or any(c.isspace() for c in text):
        raise ValueError(f"image reference '{text}' holds blanks")
    if "://" in text:
        raise ValueError(f"'{text}' is a URL; an image reference has no scheme: '{text.partition('://')[2]}'")
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise ValueError(f"'{digest}' in image reference '{text}' is not a digest of the form sha256:<64 hex digits>")
    domain, rest = _split_domain(text, rest)
    path, colon, tag = rest.partition(":")
    _check_path(text, path)
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(
            f"'{tag}' in image reference '{text}' is not a tag: up to 128 letters, digits, '_', '.' and '-', "
            "not starting with '.' or '-'"
        )
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    if len(path) > _MAX_PATH:
        raise ValueError(f"the repository name of image reference '{text[:40]}…' is longer than {_MAX_PATH} characters")
    return Reference(domain, path, tag if colon else None, Digest(digest) if at else None)


def _split_domain(text: str, name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    names_registry = slash and (any(c in first for c in ".:") or first == "localhost" or first != first.lower())
    if not names_registry:
        if _IDENTIFIER.fullmatch(name):
            raise ValueError(f"'{name}' is an image id (64 hex digits), not an image reference")
        return DEFAULT_DOMAIN, name
    if not _DOMAIN.fullmatch(first):
        raise ValueError(f"'{first}' in image reference '{text}' is not a registry of the form host[:port]")
    return (DEFAULT_DOMAIN if first == _LEGACY_DOMAIN else first), rest


def _check_path(text: str, path: str) -> None:
    if path != path.lower():
        raise ValueError(
            f"the repository name in image reference '{text}' must be lower case: '{text.replace(path, path.lower())}'"
        )
    for part in path.split("/"):
        if not part:
            raise ValueError(f"image reference '{text}' has an empty part in its name")
        if not _COMPONENT.fullmatch(part):
            raise ValueError(
                f"'{part}' in image reference '{text}' is not a name: lower-case letters and digits, "
                "separated by '.', '_', '__' or '-'"
            )


def _parses_to(text: str, reference: Reference) -> bool:
    try:
        return parse_reference(text) == reference
    except ValueError:
        return False
