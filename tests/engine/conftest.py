"""An engine on a store, started once a test that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from building import Builder

from bake.engine.embedded.client import EmbeddedEngine
from bake.oci.model import Descriptor
from bake.ports.engine import Say
from bake.ports.layers import Layer
from bake.store import open_store


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def remote() -> dict[str, Path]:
    """What can be downloaded: digest → file."""
    return {}


@pytest.fixture
async def build(tmp_path: Path, remote: dict[str, Path]) -> AsyncIterator[Builder]:
    store = open_store(tmp_path / "store")

    async def fetch(layer: Layer, blob: Descriptor, say: Say) -> Path:
        say("progress", f"pulling {layer.diff_id}")
        return store.blobs.adopt(remote.pop(blob.digest), blob.digest)

    async with EmbeddedEngine(store, fetch) as engine:
        yield Builder(engine, store)
    store.close()
