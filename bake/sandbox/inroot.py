"""Paths inside a container's root, followed so that no symbolic link leads out of it.

For the time before the container starts: nobody else changes the root meanwhile, so looking first and opening then is
safe. What a link in the image points at is taken relative to the root, as the container would see it.
"""

from __future__ import annotations

import os
from contextlib import suppress

_MOST_LINKS = 255
_MOST_BYTES = 16 << 20


def locate(root: str, path: str) -> str:
    """The real path of `path`, an absolute one of the container. What is missing stays as written.

    Raises OSError (ELOOP) for too many links.
    """
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if done:
                done.pop()
            continue
        link = _link(os.path.join(root, *done, part))
        if link is None:
            done.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(40, os.strerror(40), path)
        if link.startswith("/"):
            done = []
        todo.extend(part for part in reversed(link.split("/")) if part not in ("", "."))
    return os.path.join(root, *done)


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
