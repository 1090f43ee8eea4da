"""Headers of tar archives: ustar, and PAX records only for what ustar cannot hold (POSIX.1-2017 pax, §"ustar").

Canonical: numeric owners without names, whole seconds, no access or change times, records sorted by key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from bake.plan.tree import Entry

BLOCK = 512
END = bytes(2 * BLOCK)
_TYPES = {"f": b"0", "l": b"2", "c": b"3", "b": b"4", "d": b"5", "p": b"6", "w": b"0"}
_HARD_LINK = b"1"
_PAX = b"x"
_MOST_OCTAL_7, _MOST_OCTAL_11 = 8**7 - 1, 8**11 - 1


def header(name: bytes, entry: Entry) -> bytes:
    """All header blocks of one member. `name` relative, directories without their slash; `entry.link` may be a hard
    link's target or a symbolic link's text. The data of a regular file must follow, padded to blocks.
    """
    hard = bool(entry.first)
    link = (entry.first or entry.link).encode("utf-8", "surrogateescape")
    kind = _HARD_LINK if hard else _TYPES[entry.kind]
    size = entry.size if entry.kind == "f" and not hard else 0
    seconds = entry.mtime // 10**9
    if entry.kind == "d":
        name += b"/"
    records: dict[bytes, bytes] = {b"SCHILY.xattr." + k.encode("utf-8", "surrogateescape"): v for k, v in entry.xattrs}
    prefix, short = _split(name)
    if short is None:
        records[b"path"] = name
        prefix, short = b"", name[:100]
    if len(link) > 100:
        records[b"linkpath"] = link
    for key, value, most in (
        (b"uid", entry.uid, _MOST_OCTAL_7),
        (b"gid", entry.gid, _MOST_OCTAL_7),
        (b"size", size, _MOST_OCTAL_11),
        (b"mtime", seconds, _MOST_OCTAL_11),
    ):
        if not 0 <= value <= most:
            records[key] = str(value).encode()
    block = _block(short, entry, kind, size, seconds, link, prefix)
    return (_extended(short, records) if records else b"") + block


def padding(size: int) -> bytes:
    """What follows `size` bytes of data up to the next block."""
    return bytes(-size % BLOCK)


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    """Prefix and name as ustar holds them; name None when they do not fit."""
    if len(name) <= 100:
        return b"", name
    at = name.rfind(b"/", 0, 156) if len(name) <= 256 else -1
    # A slash at the very end belongs to the name, which must not be empty.
    if at == len(name) - 1:
        at = name.rfind(b"/", 0, at)
    if at > 0 and len(name) - at - 1 <= 100:
        return name[:at], name[at + 1 :]
    return b"", None


def _octal(value: int, width: int) -> bytes:
    """An octal field ended by NUL; what does not fit is 0 here and exact in the PAX record."""
    most = 8 ** (width - 1) - 1
    return b"%0*o\0" % (width - 1, value if 0 <= value <= most else 0)


def _block(name: bytes, entry: Entry, kind: bytes, size: int, seconds: int, link: bytes, prefix: bytes) -> bytes:
    device = kind in (b"3", b"4")
    fields = (
        name.ljust(100, b"\0"),
        _octal(entry.mode, 8),
        _octal(entry.uid, 8),
        _octal(entry.gid, 8),
        _octal(size, 12),
        _octal(seconds, 12),
        b"        ",
        kind,
        link[:100].ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(64),
        _octal(os.major(entry.device) if device else 0, 8),
        _octal(os.minor(entry.device) if device else 0, 8),
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _extended(name: bytes, records: Mapping[bytes, bytes]) -> bytes:
    """The PAX header that precedes a member."""
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    entry = Entry("f", 0o644, size=len(body))
    base = b"PaxHeaders.0/" + name.rstrip(b"/").rpartition(b"/")[2][:80]
    block = _block(base, entry, _PAX, len(body), 0, b"", b"")
    return block + body + padding(len(body))


def _record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest) + 1
    while size != len(rest) + len(str(size)):
        size = len(rest) + len(str(size))
    return str(size).encode() + rest
