"""A layer directory as a canonical tar archive: diff id over the plain bytes, blob as compressed.

Names and attributes come from the layer's listing, so owners are right even where the host could not set them; only
the bytes of files are read from the directory. The same listing and bytes always give the same archive.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import IO, Any, Protocol

from msgspec.structs import replace

from bake.engine.embedded.answers import Archived
from bake.engine.embedded.attributes import Ownership
from bake.engine.embedded.compressed import broken, decompressed
from bake.engine.embedded.cursor import Cursor
from bake.engine.embedded.requests import Archive, Repack
from bake.engine.embedded.tar_header import END, header, padding
from bake.errors import Diagnostic, HostError, StepError
from bake.plan.listing import decode
from bake.plan.tree import Entry, Listing

PIECE = 1 << 20
"""Bytes given to a compressor at a time. The compressed bytes depend on it, so it never changes (engine.md §3)."""
_ISAL_BEST = 3
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


def archive(request: Archive, may: Ownership, check: Callable[[], None]) -> Archived:  # noqa: ARG001
    """Packs a layer. Raises HostError when its directory does not hold what its listing says."""
    with open(os.path.join(request.directory, "listing"), "rb") as file:
        listing = decode(file.read())
    with Cursor(os.path.join(request.directory, "fs")) as cursor:
        return _write(
            _members(_dated(listing, request.epoch), cursor), request.out, request.compression, request.level, check
        )


def repack(request: Repack, may: Ownership, check: Callable[[], None]) -> Archived:  # noqa: ARG001
    """Compresses an image layer's own archive anew, so that its diff id stays."""
    with open(request.blob, "rb") as file:
        plain = decompressed(file)
        try:
            return _write(iter(lambda: plain.read(PIECE), b""), request.out, request.compression, request.level, check)
        except broken() as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of writing, not of reading
            raise StepError(Diagnostic("bad-archive", f"cannot read the layer's archive: {error}")) from None


def _dated(listing: Listing, epoch: int | None) -> Listing:
    """The listing with no time after `epoch`; earlier ones stay (dockerfile.md §11)."""
    if epoch is None:
        return listing
    latest = epoch * 10**9
    return {path: replace(e, mtime=latest) if e.mtime > latest else e for path, e in listing.items()}


def _members(listing: Listing, cursor: Cursor) -> Iterator[bytes]:
    for path, entry in listing.items():
        if entry.kind == "s":
            continue
        name = path.encode("utf-8", "surrogateescape") or b"."
        if entry.kind == "w":
            directory, _, last = name.rpartition(b"/")
            yield header((directory + b"/" if directory else b"") + _WHITEOUT.encode() + last, Entry("f", 0o600))
            continue
        yield header(name, entry)
        if entry.opaque:
            mark = f"{path}/{_OPAQUE}" if path else _OPAQUE
            yield header(mark.encode("utf-8", "surrogateescape"), Entry("f", 0o600))
        if entry.kind == "f" and not entry.link:
            yield from _data(cursor, path, entry.size)
            yield padding(entry.size)
    yield END


def _data(cursor: Cursor, path: str, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes: an archive whose header lies cannot be read by anybody."""
    directory, name = cursor.parent(path)
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        left = size
        while left:
            piece = os.read(handle, min(left, PIECE))
            if not piece:
                break
            left -= len(piece)
            yield piece
        if left or os.read(handle, 1):
            message = f"the layer in the store is damaged: {path} has not the size that it was committed with"
            raise HostError(Diagnostic("damaged-layer", message, hint="run bake cache verify"))
    finally:
        os.close(handle)


def _write(pieces: Iterator[bytes], out: str, compression: str, level: int, check: Callable[[], None]) -> Archived:
    plain = sha256()
    with open(out, "xb") as file:
        sink = _Sink(file)
        compressor = _compressor(compression, level)
        for piece in _cut(pieces):
            check()
            plain.update(piece)
            sink.write(compressor.compress(piece))
        sink.write(compressor.flush())
        file.flush()
        os.fsync(file.fileno())
    return Archived(f"sha256:{plain.hexdigest()}", f"sha256:{sink.digest.hexdigest()}", sink.size)


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of exactly PIECE, the last one excepted."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)


class _Sink:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest: Any = sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        if data:
            self._file.write(data)
            self.digest.update(data)
            self.size += len(data)


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _gzip(level: int) -> _Compressor:
    """isal up to its highest level, which is much faster; zlib for what is to be smaller than that."""
    if level > _ISAL_BEST:
        from zlib import compressobj

        return compressobj(level, wbits=31)
    from isal import isal_zlib

    made: _Compressor = isal_zlib.compressobj(level if level >= 0 else 1, wbits=31)
    return made


def _zstd(level: int) -> _Compressor:
    from zstandard import ZstdCompressor

    return ZstdCompressor(level=min(level, 22) if level >= 1 else 3).compressobj()


_COMPRESSORS: dict[str, Callable[[int], _Compressor]] = {"gzip": _gzip, "zstd": _zstd, "none": lambda _: _Plain()}


def _compressor(name: str, level: int) -> _Compressor:
    return _COMPRESSORS[name](level)
