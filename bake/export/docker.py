"""An archive that `docker load` and `podman load` read: Docker's manifest.json over an OCI layout."""

from __future__ import annotations

import json
from pathlib import Path

from bake.errors import Diagnostic, InputError
from bake.export.exported import Exported, add_bytes, add_file, archive
from bake.export.oci import blob_name, index_json, write_oci


def write_docker(exported: Exported, dest: Path, tar: bool) -> None:
    """Raises OSError, and InputError for several platforms, which the format has no place for."""
    if len(exported.images) != 1:
        message = "an output of type docker holds one platform"
        raise InputError(Diagnostic("several-platforms", message, hint='use type = "oci", or build one platform'))
    if not tar:
        write_oci(exported, dest, False)
        (dest / "manifest.json").write_bytes(_manifest(exported))
        return
    with archive(dest) as out:
        add_bytes(out, "manifest.json", _manifest(exported))
        add_bytes(out, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        add_bytes(out, "index.json", index_json(exported))
        for digest, data in sorted(exported.documents().items()):
            add_bytes(out, blob_name(digest), data)
        for digest, path in sorted(exported.paths.items()):
            add_file(out, blob_name(digest), path)


def _manifest(exported: Exported) -> bytes:
    (image,) = exported.images
    row = {
        "Config": blob_name(image.config_descriptor.digest),
        "RepoTags": list(exported.names),
        "Layers": [blob_name(layer.digest) for layer in image.layers],
    }
    return json.dumps([row]).encode()
