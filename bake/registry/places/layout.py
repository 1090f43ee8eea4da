"""OCI image layouts (image spec, image-layout.md) as places of images: a directory, or a tar of one.

What comes out is verified against its digest, for layouts travel on sticks and through CI caches.
"""

from __future__ import annotations

import hashlib
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import anyio.to_thread

from bake.errors import Diagnostic, InputError
from bake.oci.digest import hex_of, is_digest, sha256
from bake.oci.documents import MANIFEST_LIMIT, decode_manifest
from bake.oci.model import Descriptor, Index

NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
_BLOCK = 1024 * 1024


class Readable(Protocol):
    """An opened member."""

    def read(self, size: int = -1, /) -> bytes: ...


class Layout(ABC):
    """See places.Place. What differs is how a member is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def open(self, member: str) -> AbstractContextManager[Readable]:
        """Raises InputError when it is not there."""

    def index(self) -> Index:
        """`index.json`. Raises InputError."""
        data = self._bytes("index.json", MANIFEST_LIMIT)
        try:
            found = decode_manifest(data)
        except ValueError as error:
            raise _broken(self.path, str(error)) from None
        if not isinstance(found, Index):
            raise _broken(self.path, "its index.json is no index")
        return found

    async def manifest(self, target: str) -> tuple[Descriptor, bytes]:
        return await anyio.to_thread.run_sync(self._manifest, target)

    async def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        return await anyio.to_thread.run_sync(self._blob, descriptor, limit)

    async def file(self, descriptor: Descriptor, spare: Path) -> Path:
        return await anyio.to_thread.run_sync(self._file, descriptor, spare)

    async def tags(self) -> tuple[str, ...]:
        index = await anyio.to_thread.run_sync(self.index)
        return tuple(dict.fromkeys(tag for row in index.manifests if (tag := _tag(row))))

    def _manifest(self, target: str) -> tuple[Descriptor, bytes]:
        rows = self.index().manifests
        found = [row for row in rows if target in (_tag(row), row.digest, (row.annotations or {}).get(FULL_NAME))]
        found = found or ([row for row in rows if _tag(row) == "latest"] or list(rows) if not target else [])
        digests = {row.digest for row in found}
        if len(digests) > 1:
            raise _choose(self.path, [_tag(row) or row.digest for row in rows])
        if not found and is_digest(target):
            data = self._bytes(_member(target), MANIFEST_LIMIT)
            return self._described(Descriptor("", sha256(data), len(data)), target, data)
        if not found:
            names = ", ".join(tag for row in rows if (tag := _tag(row))) or "none"
            message = f"{self.path} has no image '{target}'"
            raise InputError(Diagnostic("no-such-image", message, hint=f"the images it has: {names}"))
        return self._described(found[0], found[0].digest, self._bytes(_member(found[0].digest), MANIFEST_LIMIT))

    def _described(self, row: Descriptor, wanted: str, data: bytes) -> tuple[Descriptor, bytes]:
        self._verify(wanted, sha256(data))
        try:
            kind = decode_manifest(data, row.media_type).media_type
        except ValueError as error:
            raise _broken(self.path, str(error)) from None
        return Descriptor(kind, sha256(data), len(data)), data

    def _blob(self, descriptor: Descriptor, limit: int) -> bytes:
        data = self._bytes(_member(descriptor.digest), limit)
        self._verify(descriptor.digest, sha256(data))
        return data

    def _file(self, descriptor: Descriptor, spare: Path) -> Path:
        hasher = hashlib.sha256()
        with self.open(_member(descriptor.digest)) as source, spare.open("wb") as sink:
            while block := source.read(_BLOCK):
                hasher.update(block)
                sink.write(block)
        self._verify(descriptor.digest, f"sha256:{hasher.hexdigest()}")
        return spare

    def _bytes(self, member: str, limit: int) -> bytes:
        with self.open(member) as source:
            data = source.read(limit + 1)
        if len(data) > limit:
            raise _broken(self.path, f"{member} is longer than {limit} bytes")
        return data

    def _verify(self, wanted: str, found: str) -> None:
        if wanted != found:
            raise _broken(self.path, f"the blob {wanted} has the content {found}")


class Directory(Layout):
    """A layout as it lies on a disk."""

    def open(self, member: str) -> AbstractContextManager[Readable]:
        try:
            return (self.path / member).open("rb")
        except OSError as error:
            raise _missing(self.path, member, error.strerror or "") from None

    def _file(self, descriptor: Descriptor, spare: Path) -> Path:  # noqa: ARG002
        """The file itself, read once to verify it."""
        file, hasher = self.path / _member(descriptor.digest), hashlib.sha256()
        with self.open(_member(descriptor.digest)) as source:
            while block := source.read(_BLOCK):
                hasher.update(block)
        self._verify(descriptor.digest, f"sha256:{hasher.hexdigest()}")
        return file


class Archive(Layout):
    """A layout in a tar, which is not unpacked."""

    @contextmanager
    def open(self, member: str) -> Iterator[Readable]:
        try:
            with tarfile.open(self.path, "r:") as tar:
                info = next((each for each in tar if each.name.removeprefix("./") == member), None)
                file = tar.extractfile(info) if info is not None and info.isreg() else None
                if file is None:
                    raise _missing(self.path, member, "it is not in the archive")
                yield file
        except (OSError, tarfile.TarError) as error:
            raise _broken(self.path, str(error)) from None


def _member(digest: str) -> str:
    return f"blobs/sha256/{hex_of(digest)}"


def _tag(row: Descriptor) -> str:
    return (row.annotations or {}).get(NAME, "")


def _broken(path: Path, reason: str) -> InputError:
    return InputError(Diagnostic("bad-layout", f"{path} is no OCI image layout that can be read: {reason}"))


def _missing(path: Path, member: str, reason: str) -> InputError:
    hint = "a layout has index.json and blobs/sha256/"
    return InputError(Diagnostic("bad-layout", f"{path} has no {member}: {reason}", hint=hint))


def _choose(path: Path, names: list[str]) -> InputError:
    hint = f"name one of them: {', '.join(dict.fromkeys(names))}"
    return InputError(Diagnostic("no-such-image", f"{path} holds several images", hint=hint))
