"""A cache in a directory: an OCI image layout whose index names the artifact, written by one process at a time.

Archives are copied in, so that the directory can be carried elsewhere as a whole.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from anyio import to_thread

from bake.errors import Diagnostic, HostError
from bake.oci import media_types
from bake.oci.digest import hex_of, is_digest, sha256
from bake.oci.documents import MANIFEST_LIMIT, decode_manifest
from bake.oci.model import Descriptor, Index, encode
from bake.oci.reference import parse_reference
from bake.plan.key import Parts
from bake.remote import artifact as form
from bake.remote import coding
from bake.remote.artifact import Artifact, NotOurs, held_by
from bake.remote.catalog import Catalog, has_news, merge, prune, without
from bake.remote.coding import PACKED_LIMIT, BadCatalog
from bake.remote.place import MAX_AGE_S, MOST_RECORDS, Add, Found, NotACache, Written, unreadable

_NAME = "org.opencontainers.image.ref.name"
_LOCK = ".bake-cache.lock"


class DirectoryCache:
    """See Place. `tag` names the artifact in the layout's index; `digest`, when given, says which one to read."""

    def __init__(self, directory: Path, tag: str = "latest", digest: str = "") -> None:
        self._directory = Path(os.path.abspath(directory))
        self._tag = tag
        self._digest = digest

    @property
    def name(self) -> str:
        return str(self._directory)

    # Reading

    async def read(self) -> Found:
        try:
            artifact = self._artifact()
            if artifact is None:
                return Found(nothing=True)
            return Found(self._catalog(artifact), self._later(artifact))
        except (OSError, BadCatalog) as error:
            return Found(problems=(unreadable(self.name, error),))

    def _later(self, artifact: Artifact) -> Callable[[], Awaitable[Mapping[str, Parts]]]:
        async def parts() -> Mapping[str, Parts]:
            return self._parts(artifact)

        return parts

    def _artifact(self) -> Artifact | None:
        row = next((row for row in self._index().manifests if self._is_meant(row)), None)
        if row is None:
            return None
        try:
            return form.read(self._blob(row, MANIFEST_LIMIT), row.media_type)
        except NotOurs as error:
            raise NotACache(self.name, str(error)) from None

    def _is_meant(self, row: Descriptor) -> bool:
        if self._digest:
            return row.digest == self._digest
        return (row.annotations or {}).get(_NAME) == self._tag

    def _index(self) -> Index:
        try:
            data = (self._directory / "index.json").read_bytes()
        except FileNotFoundError:
            return Index()
        try:
            found = decode_manifest(data, media_types.OCI_INDEX)
        except ValueError as error:
            raise NotACache(self.name, str(error)) from None
        if not isinstance(found, Index):
            raise NotACache(self.name, "its index.json is no index")
        return found

    def _blob(self, blob: Descriptor, limit: int = PACKED_LIMIT) -> bytes:
        """Raises BadCatalog for one that is missing or has another content."""
        try:
            with open(self._file(blob.digest), "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise BadCatalog(f"the blob {blob.digest} cannot be read: {error.strerror}") from None
        if sha256(data) != blob.digest:
            raise BadCatalog(f"the blob {blob.digest} has another content")
        return data

    def _catalog(self, artifact: Artifact) -> Catalog:
        return coding.decode(self._blob(artifact.catalog))

    def _parts(self, artifact: Artifact) -> Mapping[str, Parts]:
        try:
            return coding.decode_parts(self._blob(artifact.parts))
        except BadCatalog:
            return {}

    def _file(self, digest: str) -> Path:
        return self._directory / "blobs" / "sha256" / hex_of(digest)

    # Writing

    async def write(self, add: Add) -> Written:
        try:
            (self._directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            lock = await to_thread.run_sync(self._locked, abandon_on_cancel=True)
            try:
                return await self._write(add)
            finally:
                os.close(lock)
        except OSError as error:
            message = f"cannot write the cache {self.name}: {error.strerror}"
            raise HostError(Diagnostic("cache-not-written", message, hint="check `dest` of cache-to")) from None

    def _locked(self) -> int:
        """A handle that holds the directory until it is closed, or its process dies."""
        handle = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle

    async def _write(self, add: Add) -> Written:
        before = self._before()
        addition = await add(before)
        after = merge(without(before, addition.lost), addition.catalog)
        if not has_news(before, after):
            return Written(False, len(before.records))
        after = prune(after, time.time(), MOST_RECORDS, MAX_AGE_S)
        held = held_by(after)
        for digest in held.keys() & addition.held.keys():
            await to_thread.run_sync(self._copy_in, addition.held[digest], digest)
        gone = {digest for digest in held if not self._file(digest).exists()}
        after = without(after, gone)
        texts = coding.encode(after), coding.encode_parts(after.parts)
        kinds = form.CATALOG_TYPE, form.PARTS_TYPE
        first, second = (Descriptor(kind, sha256(data), len(data)) for kind, data in zip(kinds, texts, strict=True))
        rows = tuple(blob for digest, blob in held.items() if digest not in gone)
        document = form.document(Artifact(first, second, rows))
        for data in (form.CONFIG, *texts, document):
            self._put(self._file(sha256(data)), data)
        self._enter(Descriptor(media_types.OCI_MANIFEST, sha256(document), len(document)))
        return Written(True, len(after.records), sum(map(len, texts)))

    def _before(self) -> Catalog:
        """What is there, with parts; nothing where it is damaged, for then it is written anew."""
        try:
            artifact = self._artifact()
            if artifact is None:
                return Catalog()
            catalog = self._catalog(artifact)
        except BadCatalog as error:
            if error.newer:
                raise NotACache(self.name, str(error)) from None
            return Catalog()
        parts = {key: rows for key, rows in self._parts(artifact).items() if key in catalog.records}
        return replace(catalog, parts=parts)

    def _enter(self, row: Descriptor) -> None:
        """Makes the index name this artifact, then removes what no manifest needs any more."""
        named = msgspec.structs.replace(row, annotations={_NAME: self._tag}, artifact_type=form.ARTIFACT_TYPE)
        others = tuple(each for each in self._index().manifests if (each.annotations or {}).get(_NAME) != self._tag)
        layout = self._directory / "oci-layout"
        if not layout.exists():
            self._put(layout, b'{"imageLayoutVersion":"1.0.0"}')
        self._put(self._directory / "index.json", encode(Index((*others, named))))
        if not others:
            self._sweep(named)

    def _sweep(self, row: Descriptor) -> None:
        artifact = form.read(self._blob(row, MANIFEST_LIMIT), row.media_type)
        needed = (row, form.CONFIG_DESCRIPTOR, artifact.catalog, artifact.parts, *artifact.held)
        names = {hex_of(blob.digest) for blob in needed}
        for name in os.listdir(self._directory / "blobs" / "sha256"):
            if name not in names and (is_digest(f"sha256:{name}") or re.fullmatch(r"\..*\.part", name)):
                (self._directory / "blobs" / "sha256" / name).unlink(missing_ok=True)

    def _put(self, file: Path, data: bytes) -> None:
        """Whole or not at all, whenever the machine stops."""
        part = file.with_name(f".{file.name}.part")
        with open(part, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)

    def _copy_in(self, source: Path, digest: str) -> None:
        file = self._file(digest)
        if file.exists():
            return
        part = file.with_name(f".{file.name}.part")
        shutil.copyfile(source, part)
        with open(part, "rb") as copied:
            os.fsync(copied.fileno())
        part.rename(file)

    # Names

    def inside(self, repository: str) -> str:
        return repository

    def outside(self, source: str) -> str | None:
        try:
            return str(self._directory) if not source else parse_reference(source).repository
        except ValueError:
            return None

    async def has(self, repository: str, digest: str) -> bool:  # noqa: ARG002
        return False
