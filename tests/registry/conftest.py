"""A real docker-registry for all tests of this directory, and clients that lose patience quickly."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from faulty_proxy import FaultyProxy, faulty_proxy
from guarded_registries import guarded, tokened, tokens  # noqa: F401
from registry_server import RegistryServer, registry

from bake.oci import media_types as mt
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, ImageConfig, Manifest, RootFS, encode
from bake.registry.client import Registry
from bake.registry.hosts import Hosts
from bake.registry.patience import Patience
from bake.registry.publication import Document

QUICK = Patience(tries=4, first=0.01, most=0.02, longest=2.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def proxy(server: RegistryServer) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.host) as running:
        yield running


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def client(notices: list[str]) -> Iterator[Registry]:
    made = Registry(Hosts(), (), patience=QUICK, notice=notices.append)
    yield made
    made.close()


_numbers = itertools.count()


@pytest.fixture
def path() -> str:
    """A repository path that no other test uses."""
    return f"team/app{next(_numbers)}"


@dataclass(frozen=True)
class Blob:
    file: Path
    descriptor: Descriptor


@pytest.fixture
def blob(tmp_path: Path) -> Callable[..., Blob]:
    """Makes a file of random bytes and its descriptor."""

    def make(size: int = 1000, media_type: str = mt.OCI_LAYER_GZIP) -> Blob:
        data = os.urandom(size)
        file = tmp_path / f"blob{next(_numbers)}"
        file.write_bytes(data)
        return Blob(file, Descriptor(media_type, sha256(data), size))

    return make


@dataclass(frozen=True)
class Image:
    """A small image of random layers. `files` has the content of all its blobs by digest."""

    manifest: Document
    config: Descriptor
    layers: tuple[Descriptor, ...]
    files: dict[str, Path]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return (self.config, *self.layers)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.manifest.media_type, self.manifest.digest, len(self.manifest.data))


@pytest.fixture
def image(tmp_path: Path, blob: Callable[..., Blob]) -> Callable[..., Image]:
    """Makes an image of layers (sizes in bytes, or blobs of other images)."""

    def make(*layers: int | Blob, arch: str = "amd64", variant: str = "", docker: bool = False) -> Image:
        kind = mt.to_docker if docker else str
        made = [blob(layer, kind(mt.OCI_LAYER_GZIP)) if isinstance(layer, int) else layer for layer in layers]
        diff_ids = tuple(Digest("sha256:" + hashlib.sha256(m.descriptor.digest.encode()).hexdigest()) for m in made)
        config = encode(ImageConfig(architecture=arch, os="linux", variant=variant, rootfs=RootFS(diff_ids=diff_ids)))
        file = tmp_path / f"config{next(_numbers)}"
        file.write_bytes(config)
        about = Descriptor(kind(mt.OCI_CONFIG), sha256(config), len(config))
        manifest = Manifest(about, tuple(m.descriptor for m in made), media_type=kind(mt.OCI_MANIFEST))
        files = {about.digest: file, **{m.descriptor.digest: m.file for m in made}}
        return Image(Document(encode(manifest), manifest.media_type), about, manifest.layers, files)

    return make
