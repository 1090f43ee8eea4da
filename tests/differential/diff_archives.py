"""Archives in the context of a case, from a table: path → text, or `text`, `mode`, `owner`, `link`, `hard`."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping
from typing import Any

_COMPRESS = {"gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress, "": bytes}
_TIME = 1_000_000_000


def make_archive(row: Mapping[str, Any]) -> bytes:
    """The bytes of `{"tar": {…}, "compress": "gz" | "bz2" | "xz"}`; with `text` in place of `tar`, of that text."""
    data = _tar(row["tar"]) if "tar" in row else row["text"].encode()
    return _COMPRESS[row.get("compress", "")](data)


def _tar(members: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, given in members.items():
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
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()
