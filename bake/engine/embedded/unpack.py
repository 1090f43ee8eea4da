"""Extracts tar archives into a draft: for ADD, and for image layers with their deletion marks.

Nothing in an archive is trusted: names are refused when they are absolute or hold `..`, links are followed only inside
the destination, and there are limits. Owners, modes, times and xattrs come from the archive.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bake.engine.embedded.attributes import counts
from bake.engine.embedded.compressed import MOST_BYTES, Hashed, broken, decompressed, most_bytes, open_archive
from bake.engine.embedded.draft import Draft
from bake.engine.embedded.resolve import join
from bake.errors import Diagnostic, StepError
from bake.plan.tree import Entry, Kind

if TYPE_CHECKING:
    from tarfile import TarFile, TarInfo

MOST_ENTRIES = 4_000_000
MOST_PATH = 4095
_XATTR = "SCHILY.xattr."
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_NODES: dict[bytes, Kind] = {b"3": "c", b"4": "b", b"6": "p"}


def unpack_into(
    draft: Draft, into: Callable[[], str], handle: int, owner: tuple[int, int] | None, check: Callable[[], None]
) -> bool:
    """Extracts the archive open at `handle` into the directory that `into` makes and names.

    Returns False, with nothing done, when the file is no tar archive. `owner` replaces the archive's.
    """
    with os.fdopen(os.dup(handle), "rb") as file:
        most = most_bytes(os.fstat(handle).st_size)
        stream = Hashed(decompressed(file), check, most)
        try:
            archive = open_archive(stream)
            first = archive.next()
        except broken():
            os.lseek(handle, 0, os.SEEK_SET)
            return False
        if first is None:
            os.lseek(handle, 0, os.SEEK_SET)
            return False
        Extraction(draft, into(), owner, most=most).all(archive, first)
    return True


class Extraction:
    """One archive on its way into the directory `base` of a draft.

    `layer` archives hold deletion marks; `implied` collects the directories that such an archive needs but lacks, and
    `unsure` tells that something cannot be known without the lower state.
    """

    def __init__(
        self,
        draft: Draft,
        base: str,
        owner: tuple[int, int] | None = None,
        layer: bool = False,
        most: int = MOST_BYTES,
    ) -> None:
        self.draft = draft
        self.base = base
        self.owner = owner
        self.layer = layer
        self.implied: dict[str, None] = {}
        self.unsure = False
        self._real: dict[str, str] = {}
        self._dated: set[str] = set()  # directories whose time is the archive's
        self._changed: set[str] = set()  # directories that something was put into
        self._bytes = 0
        self._most = most

    def all(self, archive: TarFile, first: TarInfo | None = None) -> None:
        """Extracts everything. Raises StepError for what is unsafe or damaged."""
        try:
            member = first or archive.next()
            count = 0
            while member is not None:
                count += 1
                self._bytes += member.size
                if count > MOST_ENTRIES or not 0 <= member.size <= self._most or self._bytes > self._most:
                    raise _unsafe("the archive", "is too large")
                self._member(archive, member)
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every header
                member = archive.next()
            for path in self._changed - self._dated:
                self.draft.touch(path, self.draft.now)
        except broken() as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of writing, not of reading
            raise StepError(Diagnostic("bad-archive", f"cannot read the archive: {error}")) from None

    def _member(self, archive: TarFile, member: TarInfo) -> None:
        name = safe_name(member.name)
        parent, _, last = name.rpartition("/")
        if self.layer and last.startswith(_WHITEOUT):
            self._mark(self._parent(parent), last)
            return
        if not name:
            # As BuildKit does: the destination of an ADD is there already and stays as it is.
            if member.isdir() and self.layer:
                self.draft.directory(self.base, self._entry(member, "d"))
            return
        self._write(archive, member, join(self._parent(parent), last))

    def _write(self, archive: TarFile, member: TarInfo, path: str) -> None:
        before = self.draft.lookup(path)
        if before is not None and (before.kind == "d") != member.isdir():
            self._real.clear()
        if not self.layer:
            self._changed.add(path.rpartition("/")[0])
        if member.isdir():
            self._dated.add(path)
            self.implied.pop(path, None)
            self.draft.directory(path, self._entry(member, "d"))
        elif member.issym():
            self._real.clear()
            self.draft.symlink(path, replace(self._entry(member, "l"), mode=0o777, link=member.linkname))
        elif member.islnk():
            self._link(member, path)
        elif member.isreg():
            data = archive.extractfile(member)
            assert data is not None
            entry = self.draft.file(path, self._entry(member, "f"), data.read)
            if entry.size != member.size:
                raise StepError(Diagnostic("bad-archive", f"the archive ends inside of {member.name}"))
        elif member.type in _NODES:
            self._node(member, path)

    def _node(self, member: TarInfo, path: str) -> None:
        device = os.makedev(member.devmajor, member.devminor) if member.type in (b"3", b"4") else 0
        if member.type == b"3" and device == 0:
            raise _unsafe(member.name, "is a device 0:0, which would delete a path")
        self.draft.node(path, replace(self._entry(member, _NODES[member.type]), device=device))

    def _link(self, member: TarInfo, path: str) -> None:
        target = safe_name(member.linkname)
        parent, _, last = target.rpartition("/")
        real = join(self.draft.resolve(parent, self.base), last)
        entry = self.draft.lookup(real)
        if entry is None and self.layer:
            self.unsure = True
            return
        if entry is None or entry.kind == "d" or real.startswith(path + "/"):
            raise _unsafe(member.name, f"is a hard link to {member.linkname}, which is no file of the archive")
        self.draft.link(path, real)
        if entry.kind == "f" and not self.layer:
            self.draft.amend(path, self._entry(member, "f"))

    def _mark(self, parent: str, last: str) -> None:
        name = last.removeprefix(_WHITEOUT)
        if last == _OPAQUE:
            self.draft.opaque(parent)
        elif name in ("", ".", ".."):
            raise _unsafe(last, "deletes no name")
        elif not name.startswith(_WHITEOUT):
            self.draft.whiteout(join(parent, name))

    def _parent(self, parent: str) -> str:
        """The real directory for `parent`, made when the archive does not hold it."""
        known = self._real.get(parent)
        if known is not None:
            return known
        real = self.draft.resolve(parent, self.base, lambda: self._refuse_escape(parent))
        self._make(real)
        self._real[parent] = real
        return real

    def _refuse_escape(self, parent: str) -> None:
        """As BuildKit does for ADD: an absolute link is one within the destination, and none climbs out of it."""
        if not self.layer:
            raise _unsafe(parent, "leads out of the destination by a link, and the archive holds paths below it")

    def _make(self, path: str) -> None:
        missing: list[str] = []
        while path != self.base and path:
            at = self.draft.lookup(path)
            if at is not None and at.kind == "d":
                break
            if at is not None:
                raise _unsafe(path, "is a file, and the archive holds paths below it")
            missing.append(path)
            path = path.rpartition("/")[0]
        uid, gid = self.owner or (0, 0)
        for each in reversed(missing):
            self.draft.directory(each, Entry("d", 0o755, uid, gid, mtime=self.draft.now))
            self.implied[each] = None

    def _entry(self, member: TarInfo, kind: Kind) -> Entry:
        uid, gid = self.owner or (member.uid, member.gid)
        named = member.pax_headers.items()
        xattrs = {k[len(_XATTR) :]: v for k, v in named if k.startswith(_XATTR) and counts(k[len(_XATTR) :])}
        pairs = tuple((k, xattrs[k].encode("utf-8", "surrogateescape")) for k in sorted(xattrs))
        return Entry(
            kind, member.mode & 0o7777, uid, gid, xattrs=pairs, mtime=_nanoseconds(member), timed=not self.layer
        )


def safe_name(name: str) -> str:
    """An archive's name as a relative path, "" for its root. Raises StepError when it might leave the destination."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise _unsafe(name, "is absolute")
    if ".." in parts:
        raise _unsafe(name, "holds ..")
    if (
        "\0" in name
        or len(name) > MOST_PATH
        or any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts)
    ):
        raise _unsafe(name[:60], "is no possible path")
    return "/".join(parts)


def _nanoseconds(member: TarInfo) -> int:
    """The exact time: a PAX record holds decimals that a float would round."""
    text = member.pax_headers.get("mtime", "")
    whole, _, part = text.partition(".")
    if whole.lstrip("-").isdecimal() and (not part or part.isdecimal()):
        rest = int(part[:9].ljust(9, "0")) if part else 0
        return int(whole) * 10**9 + (-rest if whole.startswith("-") else rest)
    return int(member.mtime) * 10**9


def _unsafe(name: str, why: str) -> StepError:
    return StepError(Diagnostic("unsafe-archive", f"refused to unpack: {name} {why}"))
