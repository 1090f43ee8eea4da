"""Archives in the context of a case, from a table: path → text, or `text`, `mode`, `owner`, `link`, `hard`, `kind`."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping
from typing import Any

_COMPRESS = {"gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress, "": bytes}
_KINDS = {"c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE, "p": tarfile.FIFOTYPE}
_TIME = 1_000_000_000


def make_archive(row: Mapping[str, Any]) -> bytes:
    """The bytes of `{"tar": {…}, "compress": "gz" | "bz2" | "xz"}`; with `text` in place of `tar`, of that text."""
    data = (
        _tar(row["tar"], tarfile.GNU_FORMAT if row.get("gnu") else tarfile.PAX_FORMAT)
        if "tar" in row
        else row["text"].encode()
    )
    return _COMPRESS[row.get("compress", "")](data)


def _tar(members: Mapping[str, Any] | list[list[Any]], form: int) -> bytes:
    """A list of pairs in place of a table when a name comes twice."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, given in members.items() if isinstance(members, Mapping) else members:
            row = given if isinstance(given, dict) else {"text": given}
            info = tarfile.TarInfo(name.rstrip("/") or name)
            info.mtime = _TIME
            info.uid, info.gid = (int(part) for part in row.get("owner", "0:0").split(":"))
            info.mode = int(row.get("mode", "755" if name.endswith("/") else "644"), 8)
            data = row.get("text", "").encode()
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            elif "link" in row or "hard" in row:
                info.type = tarfile.SYMTYPE if "link" in row else tarfile.LNKTYPE
                info.linkname = row.get("link") or row["hard"]
            elif "kind" in row:
                info.type = _KINDS[row["kind"]]
                info.devmajor, info.devminor = row.get("device", (0, 0))
            else:
                info.size = len(data)
            info.pax_headers = {
                f"SCHILY.xattr.{key}": bytes.fromhex(value).decode("utf-8", "surrogateescape")
                for key, value in row.get("xattrs", {}).items()
            }
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
