"""Paths as the Dockerfile's world cleans them."""

from __future__ import annotations

from posixpath import normpath


def clean(path: str) -> str:
    """The shortest equal path, as Go's `path.Clean`: "" is ".", and two slashes at the front are one."""
    found = normpath(path)
    return "/" + found.lstrip("/") if found.startswith("/") else found
