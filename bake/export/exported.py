"""What exporters are given, and how they put a file in place."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bake.image.assemble import Assembled
from bake.oci.model import Descriptor


@dataclass(frozen=True)
class Exported:
    """Images of one target. `root` is what a tag would point at, `data` its bytes; `paths` finds every blob."""

    images: tuple[Assembled, ...]
    root: Descriptor
    data: bytes = field(repr=False)
    paths: Mapping[str, Path] = field(repr=False)
    names: tuple[str, ...] = ()
    beside: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Digest → bytes of further manifests that the index names."""

    def documents(self) -> dict[str, bytes]:
        """Digest → bytes of manifests and, where there are several, the index."""
        found: dict[str, bytes] = {made.descriptor.digest: made.manifest for made in self.images}
        found[self.root.digest] = self.data
        return {**found, **self.beside}


@contextmanager
def archive(dest: Path) -> Iterator[tarfile.TarFile]:
    """A tar that takes its place only when it is complete. Raises OSError."""
    dest.parent.mkdir(parents=True, exist_ok=True)
    draft = dest.with_name(f".{dest.name}.{os.getpid()}")
    try:
        with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as tar:
            yield tar
        os.replace(draft, dest)
    finally:
        draft.unlink(missing_ok=True)


def add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A file with time 0, so that equal images make equal archives."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))


def add_file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = path.stat().st_size, 0o644
    with open(path, "rb") as file:
        tar.addfile(info, file)
