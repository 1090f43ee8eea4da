"""An engine on a store, started once a test that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from building import Builder
from memory_store import MemoryStore

from bake.engine.embedded.client import EmbeddedEngine
from bake.oci.model import Descriptor
from bake.ports import Layer, Say


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def remote() -> dict[str, Path]:
    """What can be downloaded: digest → file."""
    return {}


@pytest.fixture
async def build(tmp_path: Path, remote: dict[str, Path]) -> AsyncIterator[Builder]:
    store = MemoryStore(tmp_path / "store")

    async def fetch(layer: Layer, blob: Descriptor, say: Say) -> Path:
        say("progress", f"pulling {layer.diff_id}")
        return store.adopt(remote.pop(blob.digest), blob.digest)

    async with EmbeddedEngine(store, fetch) as engine:
        yield Builder(engine, store)
