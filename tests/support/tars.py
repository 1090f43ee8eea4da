"""Tar archives written by hand, honest and hostile ones."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Sequence

import zstandard

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> Member:
    """One member; `more` are fields of TarInfo (`mode`, `uid`, `linkname`, `pax_headers`, …)."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    info.mtime = 1_600_000_000
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def directory(name: str, **more: object) -> Member:
    return member(name, kind=tarfile.DIRTYPE, **more)


def symlink(name: str, to: str, **more: object) -> Member:
    return member(name, kind=tarfile.SYMTYPE, linkname=to, **more)


def hard_link(name: str, to: str, **more: object) -> Member:
    return member(name, kind=tarfile.LNKTYPE, linkname=to, **more)


def tar(members: Sequence[Member]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.compress(data[:700]) + zstandard.compress(data[700:]),
}
