"""The archive of a layer → its changes, each file with its digest, without unpacking it (OCI image spec, layer.md)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from bake.errors import Diagnostic, InputError
from bake.plan.tree import Entry, Kind, Listing, ordered

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_MOST = 2_000_000
_BLOCK = 1024 * 1024


def layer_listing(file: Path) -> Listing:
    """Raises InputError for what is no archive."""
    import tarfile

    from bake.engine.embedded.compressed import broken, decompressed

    try:
        with file.open("rb") as source, tarfile.open(fileobj=decompressed(source), mode="r|") as archive:
            return ordered(_listed(archive))
    except broken() as error:
        message = f"the layer {file.name} is no archive that can be read: {error}"
        raise InputError(Diagnostic("bad-archive", message)) from None


def _listed(archive: TarFile) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    opaque: set[str] = set()
    for member in archive:
        path = "/".join(part for part in member.name.split("/") if part not in ("", ".", ".."))
        parent, _, name = path.rpartition("/")
        if name == _OPAQUE:
            opaque.add(parent)
        elif name.startswith(_WHITEOUT):
            found["/".join(part for part in (parent, name.removeprefix(_WHITEOUT)) if part)] = Entry("w")
        else:
            found[path] = _entry(archive, member, found)
        if len(found) > _MOST:
            raise ValueError(f"it has more than {_MOST} files")
    for path in opaque:
        entry = found.get(path, Entry("d", 0o755))
        found[path] = Entry("d", entry.mode, entry.uid, entry.gid, xattrs=entry.xattrs, opaque=True)
    return found


def _entry(archive: TarFile, member: TarInfo, found: dict[str, Entry]) -> Entry:
    mode, prefix = member.mode & 0o7777, "SCHILY.xattr."
    xattrs = tuple(
        sorted((key.removeprefix(prefix), value.encode("utf-8", "surrogateescape"))
               for key, value in member.pax_headers.items() if key.startswith(prefix))
    )  # fmt: skip
    if member.islnk():
        same = found.get("/".join(part for part in member.linkname.split("/") if part not in ("", ".")))
        return same if same is not None else Entry("f", mode, member.uid, member.gid, link=member.linkname)
    kind = _kind(member)
    size, digest = (member.size, _digest(archive, member)) if kind == "f" else (0, "")
    device = member.devmajor << 8 | member.devminor if kind in "cb" else 0
    link = member.linkname if kind == "l" else ""
    mode = 0o777 if kind == "l" else mode
    return Entry(kind, mode, member.uid, member.gid, size, digest, link, device, xattrs)


def _kind(member: TarInfo) -> Kind:
    rows: tuple[tuple[bool, Kind], ...] = (
        (member.isdir(), "d"),
        (member.issym(), "l"),
        (member.ischr(), "c"),
        (member.isblk(), "b"),
        (member.isfifo(), "p"),
    )
    return next((kind for is_one, kind in rows if is_one), "f")


def _digest(archive: TarFile, member: TarInfo) -> str:
    source, hasher = archive.extractfile(member), hashlib.sha256()
    while source is not None and (block := source.read(_BLOCK)):
        hasher.update(block)
    return hasher.hexdigest()
