"""Paths inside a container's root, followed so that no symbolic link leads out of it.

For the time before the container starts: nobody else changes the root meanwhile, so looking first and opening then is
safe. What a link in the image points at is taken relative to the root, as the container would see it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from bake.plan.links import TooManyLinks, follow

_MOST_BYTES = 16 << 20


def locate(root: str, path: str) -> str:
    """The real path of `path`, an absolute one of the container. What is missing stays as written.

    Raises OSError (ELOOP) for too many links.
    """
    try:
        inside = follow(lambda inside: _link(os.path.join(root, inside)), path)
    except TooManyLinks:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
    return os.path.join(root, inside) if inside else root


def read_text(root: str, path: str) -> str:
    """The text of a regular file of the container, "" where there is none."""
    with suppress(OSError):
        real = locate(root, path)
        # A named pipe or a device in the image must not be opened.
        if os.path.isfile(real):
            with open(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
    return ""


def make_directory(root: str, path: str, uid: int, gid: int) -> None:
    """Makes a directory and its missing parents, 0755 and owned by `uid` and `gid`. Raises OSError."""
    real = locate(root, path)
    missing: list[str] = []
    while not os.path.lexists(real):
        missing.append(real)
        real = os.path.dirname(real)
    for directory in reversed(missing):
        os.mkdir(directory)
        os.chmod(directory, 0o755)
        os.chown(directory, uid, gid)


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None
