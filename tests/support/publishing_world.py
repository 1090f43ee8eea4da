"""What a publication needs of its caller, kept in memory: content, locations, and a place for events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bake import events
from bake.oci.model import Descriptor
from bake.oci.reference import parse_reference
from bake.registry.client import Registry
from bake.registry.publication import Publication, Published
from bake.registry.push import publish


class Known:
    """Locations kept in a dict: what a store's `blobs` table does."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[str]] = {}

    def located(self, registry: str, digest: str) -> tuple[str, ...]:
        return tuple(self.rows.get((registry, digest), ()))

    def remember_location(self, registry: str, repository: str, digest: str) -> None:
        self.rows.setdefault((registry, digest), []).insert(0, repository)


class World:
    """What a publication needs of its caller: content, locations, and a place for events."""

    def __init__(self, client: Registry) -> None:
        self.client = client
        self.files: dict[str, Path] = {}
        self.asked: list[str] = []
        self.known = Known()
        self.events: list[events.Event] = []

    async def content(self, blob: Descriptor) -> Path:
        self.asked.append(blob.digest)
        return self.files[blob.digest]

    async def publish(self, *images: Publication) -> Published:
        return await publish(self.client, images, self.content, self.known, self.events.append)

    def publication(self, name: str, image: Any, *tags: str) -> Publication:
        self.files.update(image.files)
        return Publication(name, image.manifest, image.blobs, tuple(parse_reference(t) for t in tags))
