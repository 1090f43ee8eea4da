"""Downloaded archives, as far as plans read them: whether it is one, how old it is, and a text out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING

from bake.errors import Diagnostic, InputError
from bake.gather.text import text_of

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

_MOST_TEXT = 16 << 20
_COMPRESSED = (b"BZh", b"\x1f\x8b\x08", b"\xfd7zXZ\x00")
_LINKS = 8


def is_archive(path: Path) -> bool:
    """bzip2, gzip or xz by its first bytes, or a readable tar header (dockerfile.md §13)."""
    import tarfile

    with open(path, "rb") as file:
        head = file.read(512)
    if head.startswith(_COMPRESSED):
        return True
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def newest(path: Path) -> float:
    """The latest time of a regular file in the archive, in unix seconds; 0 where there is none."""
    return max((float(member.mtime) for member, _ in _members(path) if member.isfile()), default=0.0)


def member_text(path: Path, name: str) -> str | None:
    """A file of the archive, symbolic links followed inside it; None where there is none. Raises InputError."""
    for _ in range(_LINKS):
        found = _find(path, _clean(name))
        if not isinstance(found, tuple):
            return found
        name = found[0]
    return None


def whole_text(path: Path) -> str:
    """A file that is no archive. Raises InputError for what is no UTF-8 text or far too long."""
    with open(path, "rb") as file:
        return _decoded(file.read(_MOST_TEXT + 1), path.name)


def _find(path: Path, name: str) -> str | tuple[str] | None:
    """The text, a one-tuple of where a link leads, or None. Of several members of one name the last one counts."""
    found: str | tuple[str] | None = None
    for member, archive in _members(path):
        if _clean(member.name) != name:
            continue
        if member.issym():
            found = (f"{name.rpartition('/')[0]}/{member.linkname}" if member.linkname[:1] != "/" else member.linkname,)
        elif member.isfile():
            content = archive.extractfile(member)
            found = None if content is None else _decoded(content.read(_MOST_TEXT + 1), name)
    return found


def _clean(name: str) -> str:
    return normpath("/" + name).lstrip("/")


def _members(path: Path) -> Iterator[tuple[TarInfo, TarFile]]:
    """What can be read of it: that it is damaged is told when a step unpacks it."""
    import tarfile
    import zlib
    from lzma import LZMAError

    with suppress(tarfile.TarError, OSError, EOFError, zlib.error, LZMAError), tarfile.open(path, "r|*") as archive:
        for member in archive:
            yield member, archive
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every header


def _decoded(data: bytes, name: str) -> str:
    if len(data) > _MOST_TEXT:
        raise InputError(Diagnostic("unreadable-file", f"{name} is longer than {_MOST_TEXT >> 20} MiB"))
    return text_of(data, lambda: name)
