"""Compressed streams, recognised by their first bytes, never by a name."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tarfile import TarFile

MOST_BYTES = 256 << 30
"""Of one archive, decompressed: enough for any image."""
_UNSUSPECTED = 16 << 30
_RATIO = 256
"""How many times its own size an archive may hold. gzip's best is 1032, which only zeros reach."""
MOST_HEADER = 1 << 20
_ZSTD_SKIPPABLE = tuple(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))


def most_bytes(packed: int) -> int:
    """What an archive of `packed` bytes may hold, a sparse file counted in full: an end for decompression bombs."""
    return min(MOST_BYTES, max(_UNSUSPECTED, _RATIO * packed))


def decompressed(file: IO[bytes]) -> IO[bytes]:
    """A stream of the plain bytes of `file`, which is open at its start. Errors of broken data: see `BROKEN`."""
    magic = file.read(6)
    file.seek(0)
    for starts, opener in _FORMATS:
        if magic.startswith(starts):
            return opener(file)
    return file


def broken() -> tuple[type[BaseException], ...]:
    """What reading a damaged archive raises, whatever its compression; an OSError of it has no errno."""
    import lzma
    import tarfile
    import zlib

    from isal import isal_zlib
    from zstandard import ZstdError

    isal_error: Any = isal_zlib.error
    formats = (tarfile.TarError, zlib.error, isal_error, lzma.LZMAError, ZstdError)
    return (*formats, EOFError, ValueError, OverflowError, RecursionError, OSError)


def _gzip(file: IO[bytes]) -> IO[bytes]:
    from isal import igzip

    opened: Any = igzip.IGzipFile(fileobj=file, mode="rb")  # type: ignore[no-untyped-call]
    return opened  # type: ignore[no-any-return]


def _bzip2(file: IO[bytes]) -> IO[bytes]:
    from bz2 import BZ2File

    return BZ2File(file)


def _xz(file: IO[bytes]) -> IO[bytes]:
    from lzma import LZMAFile

    return LZMAFile(file)


def _zstd(file: IO[bytes]) -> IO[bytes]:
    from zstandard import ZstdDecompressor

    opened: Any = ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
    return opened  # type: ignore[no-any-return]


_FORMATS: tuple[tuple[tuple[bytes, ...], Callable[[IO[bytes]], IO[bytes]]], ...] = (
    ((b"\x1f\x8b\x08",), _gzip),
    ((b"BZh",), _bzip2),
    ((b"\xfd7zXZ\x00",), _xz),
    ((b"\x28\xb5\x2f\xfd", *_ZSTD_SKIPPABLE), _zstd),
)


def open_archive(stream: Hashed) -> TarFile:
    """A tar archive to be read once from its start. Names are decoded so that they encode back to the same bytes."""
    import tarfile

    class Member(tarfile.TarInfo):
        """Refuses headers that would be read into memory whole, however long they claim to be."""

        def _proc_member(self, archive: TarFile) -> tarfile.TarInfo:
            if self.type in b"xgXLK" and not 0 <= self.size <= MOST_HEADER:
                raise tarfile.ReadError("a header is too long")
            read: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
            return read

    source: Any = stream
    return tarfile.open(fileobj=source, mode="r|", encoding="utf-8", errors="surrogateescape", tarinfo=Member)


class Hashed:
    """Passes a stream through and hashes it. Raises ValueError beyond `most` bytes."""

    def __init__(self, stream: IO[bytes], check: Callable[[], None], most: int = MOST_BYTES) -> None:
        self._stream = stream
        self._check = check
        self._hash = sha256()
        self._most = self._left = most

    def read(self, size: int = -1) -> bytes:
        self._check()
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise ValueError(f"it holds more than {self._most >> 30} GiB, far more than its own size")
        self._hash.update(piece)
        return piece

    def drain(self) -> str:
        """Reads to the end; the digest of everything."""
        while self.read(1 << 20):
            pass
        return "sha256:" + self._hash.hexdigest()
