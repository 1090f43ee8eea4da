"""A store: its parts are protocols of their own, so that a reader needs only what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bake.ports.blobs import Blobs
from bake.ports.files import Files
from bake.ports.layers import Layers
from bake.ports.records import Records


class Store(Protocol):
    """The whole: one directory, shared by all processes of a user."""

    @property
    def root(self) -> Path: ...

    @property
    def records(self) -> Records: ...

    @property
    def layers(self) -> Layers: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def files(self) -> Files: ...

    def close(self) -> None:
        """Flushes what is not durable yet, releases locks and this process's scratch directories."""
