"""A large layer goes through in pieces: what is resident does not grow with it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from memory import measured
from registry_server import RegistryServer

MOST = 150  # MB
SIZE = 256 << 20


def run(directory: Path, *arguments: str) -> float:
    """`bake …` in a process of its own; the most memory that was resident, in MB."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(directory), "BAKE_STORE": str(directory / "store")}
    done = measured(directory, *arguments, "--progress", "quiet", limit=300, environment=variables)
    assert done.code == 0, done.said
    return done.peak / 1024


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """An image of one large layer (a sparse file, which is as good as any to a registry)."""
    blobs = tmp_path / "layout/blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    with (blobs / "layer").open("w+b") as file:
        file.truncate(SIZE)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    (blobs / "layer").rename(blobs / digest)
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{digest}", "size": SIZE}
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = blob(json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "config": config, "layers": [layer]}
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    (tmp_path / "layout/index.json").write_text(json.dumps(index))
    return tmp_path / "layout"


def test_memory_of_push_and_pull(server: RegistryServer, layout: Path, path: str, tmp_path: Path) -> None:
    assert run(tmp_path, "copy", f"oci:{layout}", f"{server.host}/{path}:1") < MOST
    assert run(tmp_path, "copy", f"{server.host}/{path}:1", f"oci:{tmp_path}/back") < MOST
    assert run(tmp_path, "pull", "--platform", "linux/amd64", f"{server.host}/{path}:1") < MOST
    (layer,) = [file for file in (tmp_path / "store/oci/blobs/sha256").iterdir() if file.stat().st_size == SIZE]
    layer.unlink()
