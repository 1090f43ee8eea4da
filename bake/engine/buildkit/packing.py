"""Layer archives in their compressions, on any system: what embedded's helper does for layers in directories."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bake.oci import media_types

LAYER_TYPES = {
    "gzip": media_types.OCI_LAYER_GZIP,
    "zstd": media_types.OCI_LAYER_ZSTD,
    "none": media_types.OCI_LAYER,
}
_PIECE = 1 << 20
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The plain bytes of an archive that may be compressed; its first bytes tell how."""
    rest = iter(pieces)
    first = next(rest, b"")
    kind = next((name for magic, name in _MAGIC if first.startswith(magic)), "none")
    return _DECODERS[kind](itertools.chain([first], rest))


def pack(plain: Path, packed: Path, compression: str, level: int) -> tuple[str, int]:
    """Writes `plain` compressed to `packed`, and waits for the disk; (digest, size) of what was written."""
    digest, size = hashlib.sha256(), 0
    compressor = _COMPRESSORS[compression](level)
    with plain.open("rb", buffering=0) as source, packed.open("xb") as out:
        for piece in itertools.chain(iter(lambda: source.read(_PIECE), b""), [None]):
            data = compressor.flush() if piece is None else compressor.compress(piece)
            digest.update(data)
            size += out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return f"sha256:{digest.hexdigest()}", size


def _plain(pieces: Iterator[bytes]) -> Iterator[bytes]:
    return pieces


def _gunzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from isal import isal_zlib

    decoder = isal_zlib.decompressobj(wbits=31)
    for piece in pieces:
        yield decoder.decompress(piece)
        while decoder.eof and decoder.unused_data:  # gzip members may follow one another
            rest = decoder.unused_data
            decoder = isal_zlib.decompressobj(wbits=31)
            yield decoder.decompress(rest)


def _unzstd(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from zstandard import ZstdDecompressor

    decoder = ZstdDecompressor().decompressobj(read_across_frames=True)
    for piece in pieces:
        yield decoder.decompress(piece)


_DECODERS: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "none": _plain, "gzip": _gunzip, "zstd": _unzstd,
}  # fmt: skip


class _AsIs:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _gzip(level: int) -> Any:
    from isal import isal_zlib

    return isal_zlib.compressobj(min(level, 3) if level >= 0 else 1, wbits=31)


def _zstd(level: int) -> Any:
    from zstandard import ZstdCompressor

    return ZstdCompressor(level=min(level, 22) if level >= 1 else 3).compressobj()


_COMPRESSORS: dict[str, Callable[[int], Any]] = {"gzip": _gzip, "zstd": _zstd, "none": lambda _level: _AsIs()}
