"""The shared layer cache: one directory for all processes of a user (DESIGN §3)."""

from __future__ import annotations

import json
from pathlib import Path

from bake.errors import Diagnostic, HostError
from bake.store.blobs import FileBlobs
from bake.store.database import Database
from bake.store.files import SqlFiles
from bake.store.layers import SqlLayers
from bake.store.records import SqlRecords
from bake.store.results import Results
from bake.store.scratches import Scratches

__all__ = ["DiskStore", "open_store"]

_DIRECTORIES = ("layers", "locks", "tmp", "caches", "oci/blobs/sha256")


class DiskStore:
    """`ports.Store` on a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = Database(root / "index.db")
        self.scratches = Scratches(root / "tmp")
        self.records = SqlRecords(self.database, root / "locks")
        self.layers = SqlLayers(self.database, root / "layers", self.scratches)
        self.blobs = FileBlobs(self.database, root / "oci", self.scratches)
        self.files = SqlFiles(self.database)
        self.results = Results(self.database)

    def close(self) -> None:
        self.layers.flush()
        self.scratches.close()
        self.database.close()


def open_store(root: Path) -> DiskStore:
    """Opens the store, made if it is not there, and sweeps what dead processes left. Raises HostError."""
    try:
        if not (root / "oci" / "oci-layout").is_file():
            _make(root)
        store = DiskStore(root)
        store.scratches.sweep()
    except OSError as error:
        message = f"the store {root} cannot be used: {error.strerror}"
        hint = "set BAKE_STORE to a directory that you may write"
        raise HostError(Diagnostic("store-readonly", message, hint=hint)) from None
    return store


def _make(root: Path) -> None:
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    index = root / "oci" / "index.json"
    if not index.exists():
        index.write_text(json.dumps({"schemaVersion": 2, "manifests": []}))
    (root / "oci" / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
