"""An OCI image layout, as a tar or a directory (OCI image spec, image-layout.md)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from bake.export.exported import Exported, add_bytes, add_file, archive
from bake.oci.digest import hex_of
from bake.oci.model import Descriptor, Index, encode

_LAYOUT = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()


def write_oci(exported: Exported, dest: Path, tar: bool) -> None:
    """Raises OSError. A directory that is a layout already is added to; its index then lists just this image."""
    if tar:
        with archive(dest) as out:
            add_bytes(out, "oci-layout", _LAYOUT)
            add_bytes(out, "index.json", index_json(exported))
            for digest, data in sorted(exported.documents().items()):
                add_bytes(out, blob_name(digest), data)
            for digest, path in sorted(exported.paths.items()):
                add_file(out, blob_name(digest), path)
        return
    (dest / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    for digest, data in exported.documents().items():
        (dest / blob_name(digest)).write_bytes(data)
    for digest, path in exported.paths.items():
        shutil.copyfile(path, dest / blob_name(digest))
    (dest / "oci-layout").write_bytes(_LAYOUT)
    (dest / "index.json").write_bytes(index_json(exported))


def blob_name(digest: str) -> str:
    """Its place in a layout."""
    return f"blobs/sha256/{hex_of(digest)}"


def index_json(exported: Exported) -> bytes:
    """One entry a name, each pointing at the same root (reference/cache.md §12)."""
    root, own = exported.root, exported.root.annotations or {}
    names = [
        {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
        for name in exported.names
    ] or [{}]
    return encode(
        Index(tuple(Descriptor(root.media_type, root.digest, root.size, {**own, **name} or None) for name in names))
    )
