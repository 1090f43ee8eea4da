"""The shared layer cache: a directory with layers, blobs and an index, used by any number of processes (DESIGN §3)."""

from __future__ import annotations

from bake.store.open import DiskStore, open_store

__all__ = ["DiskStore", "open_store"]
