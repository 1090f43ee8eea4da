"""Writes images into an OCI layout: blobs first, `index.json` last, so that a broken copy leaves a sound layout."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Collection, Sequence
from pathlib import Path

from bake.errors import Diagnostic, HostError, InputError
from bake.oci.digest import hex_of
from bake.oci.model import Descriptor, Index, encode
from bake.registry.places.layout import FULL_NAME, NAME, Directory
from bake.registry.places.tree import Node

_VERSION = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()


class LayoutWriter:
    """A layout directory that is made or added to. Raises HostError for what cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._blobs.mkdir(parents=True, exist_ok=True)
            _replace(path / "oci-layout", _VERSION)
        except OSError as error:
            raise unwritable(path, error) from None

    @property
    def _blobs(self) -> Path:
        return self.path / "blobs/sha256"

    def has(self, blob: Descriptor) -> bool:
        """Whether a blob of this digest and size is there."""
        file = self._blobs / hex_of(blob.digest)
        return file.is_file() and file.stat().st_size == blob.size

    def spare(self, blob: Descriptor) -> Path:
        """A place in the layout to fill with a blob before `adopt`."""
        return self._blobs / f".{hex_of(blob.digest)}.{os.getpid()}"

    def adopt(self, blob: Descriptor, file: Path) -> None:
        """Takes a verified file in: moved when it is the spare one, else copied."""
        spare = self.spare(blob)
        try:
            if file != spare:
                shutil.copyfile(file, spare)
            os.replace(spare, self._blobs / hex_of(blob.digest))
        except OSError as error:
            raise unwritable(self.path, error) from None

    def finish(self, images: Sequence[tuple[Node, str]]) -> None:
        """Writes the manifests and names the images, each (image, tag); an equal name of before is replaced."""
        try:
            for node in (node for image, _ in images for node in image.walk()):
                _replace(self._blobs / hex_of(node.descriptor.digest), node.document.data)
            _replace(self.path / "index.json", encode(self._index(images)))
        except OSError as error:
            raise unwritable(self.path, error) from None

    def _index(self, images: Sequence[tuple[Node, str]]) -> Index:
        known = Directory(self.path).index().manifests if (self.path / "index.json").exists() else ()
        rows = [_row(image.descriptor, name) for image, name in images]
        names = {(row.annotations or {}).get(NAME) for row in rows}
        digests = {row.digest for row in rows}
        kept = [row for row in known if not _replaced(row, names, digests)]
        return Index((*kept, *rows))


def pack(directory: Path, file: Path) -> None:
    """A layout as a tar that takes its place only when it is complete; equal images make equal archives."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as tar:
            for path in (path for path in sorted(directory.rglob("*")) if path.is_file()):
                info = tarfile.TarInfo(str(path.relative_to(directory)))
                info.size, info.mode = path.stat().st_size, 0o644
                with path.open("rb") as source:
                    tar.addfile(info, source)
        os.replace(draft, file)
    except OSError as error:
        raise unwritable(file, error) from None
    finally:
        draft.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> HostError | InputError:
    """The error of a place that cannot be written."""
    return HostError(Diagnostic("not-writable", f"{path} cannot be written: {error.strerror or error}"))


def _row(descriptor: Descriptor, name: str) -> Descriptor:
    tag = name.rpartition(":")[2] if ":" in name else name
    full = {FULL_NAME: name} if "/" in name else {}
    notes = {**full, NAME: tag} if name else None
    return Descriptor(descriptor.media_type, descriptor.digest, descriptor.size, annotations=notes)


def _replaced(row: Descriptor, names: set[str | None], digests: Collection[str]) -> bool:
    name = (row.annotations or {}).get(NAME)
    return name in names if name else row.digest in digests


def _replace(file: Path, data: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(data)
    os.replace(draft, file)
