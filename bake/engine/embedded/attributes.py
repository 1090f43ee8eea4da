"""Files' attributes as entries, and back."""

from __future__ import annotations

import errno
import os
import stat

from bake.engine.embedded.cursor import inside
from bake.errors import Diagnostic, HostError
from bake.plan.tree import Entry, Kind

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFCHR: "c",
    stat.S_IFBLK: "b",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
}
FILE_TYPES = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO, "s": stat.S_IFSOCK}
_OVERLAY = ("trusted.overlay.", "user.overlay.")
_REFUSED = (errno.EPERM, errno.ENOTSUP, errno.EINVAL, errno.EACCES)


class Ownership:
    """What the user namespace allows: whether ids other than one's own can be set, devices made, xattr names."""

    def __init__(self, tier: str) -> None:
        self.root = tier == "root"
        self.chown = tier in ("root", "subordinate")
        self.opaque_xattr = "trusted.overlay.opaque" if self.root else "user.overlay.opaque"


def kind_of(info: os.stat_result) -> Kind:
    """`w` for overlayfs's sign of a deleted path, a character device 0:0."""
    kind = _KINDS[stat.S_IFMT(info.st_mode)]
    return "w" if kind == "c" and info.st_rdev == 0 else kind


def read_entry(directory: int, name: str, info: os.stat_result | None = None) -> Entry:
    """The entry of `name` in an open directory, without digest; raises FileNotFoundError."""
    info = info or os.stat(name, dir_fd=directory, follow_symlinks=False)
    kind = kind_of(info)
    if kind == "w":
        return Entry("w")
    return Entry(
        kind,
        0o777 if kind == "l" else stat.S_IMODE(info.st_mode),
        info.st_uid,
        info.st_gid,
        size=info.st_size if kind == "f" else 0,
        link=os.readlink(name, dir_fd=directory) if kind == "l" else "",
        device=info.st_rdev if kind in "cb" else 0,
        xattrs=read_xattrs(inside(directory, name)),
        mtime=info.st_mtime_ns,
    )


def counts(name: str) -> bool:
    """Whether an extended attribute is content: not overlayfs's, not labels of the host, not ACLs (cache.md §5)."""
    if name.startswith("security."):
        return name == "security.capability"
    return not name.startswith((*_OVERLAY, "system."))


def read_xattrs(path: str) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes that count, sorted by name."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _REFUSED:
            return ()
        raise
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names) if counts(name))


def is_opaque(directory: int, may: Ownership) -> bool:
    """Whether an open layer directory hides what lower layers hold below it."""
    try:
        return os.getxattr(inside(directory), may.opaque_xattr) in (b"y", b"Y")
    except OSError:
        return False


def apply(directory: int, name: str, entry: Entry, may: Ownership) -> None:
    """Sets owner, mode, xattrs and times of `name`. Owners are left where the host cannot set them (tier one id).

    The order matters: chown drops setuid bits and capabilities, any change sets the time.
    """
    _chown(directory, name, entry, may)
    if entry.kind != "l":
        os.chmod(name, entry.mode, dir_fd=directory)
    if entry.xattrs:
        path = inside(directory, name)
        for key, value in entry.xattrs:
            _set_xattr(path, key, value)
    os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=directory, follow_symlinks=False)


def _chown(directory: int, name: str, entry: Entry, may: Ownership) -> None:
    try:
        os.chown(name, entry.uid, entry.gid, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if may.chown and error.errno == errno.EINVAL:
            message = f"{name} belongs to {entry.uid}:{entry.gid}, which this user cannot give away"
            hint = "grant more ids in /etc/subuid and /etc/subgid, or build as root"
            raise HostError(Diagnostic("unmapped-id", message, hint=hint)) from None
        if may.chown or error.errno not in _REFUSED:
            raise


def _set_xattr(path: str, name: str, value: bytes) -> None:
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
