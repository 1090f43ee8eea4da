"""OCI layouts on this host → facts of base images: chosen by tag or digest, checked, their blobs put into the store."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import IO

from bake.errors import Diagnostic, InputError
from bake.oci.choose import choose_manifest, platforms_of
from bake.oci.digest import Digest, hex_of
from bake.oci.documents import CONFIG_LIMIT, MANIFEST_LIMIT, decode_config, decode_manifest
from bake.oci.media_types import OCI_INDEX
from bake.oci.model import Descriptor, Index, Manifest
from bake.oci.platform import Platform, parse_platform
from bake.plan.bases import LAYOUT
from bake.plan.facts import ImageFact, ImageQuery
from bake.plan.layouts import Layout, parse_layout
from bake.ports.store import Store

_DEEPEST = 4
_CHUNK = 1 << 20
_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


def is_layout(query: ImageQuery) -> bool:
    """Whether a question is for a directory of this host, and for no registry."""
    return query.reference.startswith(LAYOUT)


def layout_fact(query: ImageQuery, store: Store) -> ImageFact:
    """Its blobs are in the store then. Blocks. Raises InputError for what is not there or not what its digest says."""
    layout = parse_layout(query.reference.removeprefix(LAYOUT))
    digest, manifest = _manifest(layout, parse_platform(query.platform))
    try:
        config = decode_config(_document(layout, manifest.config.digest, CONFIG_LIMIT))
    except ValueError as error:
        raise _wrong(layout, str(error)) from None
    if len(manifest.layers) != len(config.rootfs.diff_ids):
        counts = f"{len(manifest.layers)} layers but {len(config.rootfs.diff_ids)} diff ids"
        raise _wrong(layout, f"it is no image: it has {counts}")
    for blob in manifest.layers:
        _bring(layout, blob, store)
    return ImageFact(digest, config, manifest.layers)


def _manifest(layout: Layout, platform: Platform) -> tuple[str, Manifest]:
    """(digest, manifest) for the platform, through as many indexes as need be."""
    digest = layout.digest or _tagged(layout)
    for _ in range(_DEEPEST):
        document = _decoded(layout, _document(layout, digest, MANIFEST_LIMIT))
        if isinstance(document, Manifest):
            return digest, document
        chosen = choose_manifest(document, platform)
        if chosen is None:
            there = ", ".join(map(str, platforms_of(document))) or "none"
            raise _wrong(layout, f"it has no image for {platform}", f"the platforms it has: {there}")
        digest = chosen.digest
    raise _wrong(layout, f"its indexes are nested more than {_DEEPEST} deep")


def _tagged(layout: Layout) -> str:
    """What index.json has under the tag; an only entry serves as `latest`."""
    path = Path(layout.directory, "index.json")
    try:
        index = _decoded(layout, path.read_bytes(), OCI_INDEX)
    except OSError as error:
        raise _wrong(layout, f"cannot read {path}: {error.strerror}", "is it an OCI layout?") from None
    assert isinstance(index, Index)
    names = {
        name: row.digest for row in index.manifests for key in _NAMES if (name := (row.annotations or {}).get(key))
    }
    if layout.tag in names:
        return names[layout.tag]
    if len(index.manifests) == 1 and layout.tag == "latest":
        return index.manifests[0].digest
    raise _wrong(layout, f"it has no tag '{layout.tag}'", f"its tags: {', '.join(sorted(names)) or 'none'}")


def _decoded(layout: Layout, data: bytes, kind: str = "") -> Manifest | Index:
    try:
        return decode_manifest(data, kind)
    except ValueError as error:
        raise _wrong(layout, str(error)) from None


def _document(layout: Layout, digest: str, limit: int) -> bytes:
    with _opened(layout, digest) as file:
        data = file.read(limit + 1)
    if len(data) > limit or f"sha256:{sha256(data).hexdigest()}" != digest:
        raise _wrong(layout, f"its blob {digest} is not what its digest says")
    return data


def _bring(layout: Layout, blob: Descriptor, store: Store) -> None:
    """Copies a layer into the store, unless it is there."""
    if store.blobs.path(blob.digest) is not None:
        return
    target, found = store.layers.scratch() / "blob", sha256()
    with _opened(layout, blob.digest) as source, open(target, "wb") as file:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            file.write(chunk)
    if found.hexdigest() != hex_of(blob.digest) or target.stat().st_size != blob.size:
        raise _wrong(layout, f"its blob {blob.digest} is not what its digest says")
    store.blobs.adopt(target, blob.digest)


def _opened(layout: Layout, digest: str) -> IO[bytes]:
    """A blob, which must be a file of the layout: a link might lead anywhere."""
    path = Path(layout.directory, "blobs", "sha256", hex_of(Digest(digest)))
    try:
        if path.is_symlink() or not path.is_file():
            raise _wrong(layout, f"it lacks the blob {digest}")
        return open(path, "rb")  # the caller closes it
    except OSError as error:
        raise _wrong(layout, f"cannot read {path}: {error.strerror}") from None


def _wrong(layout: Layout, message: str, hint: str = "") -> InputError:
    return InputError(Diagnostic("bad-layout", f"{layout.question}: {message}", hint=hint))
