"""Layers of images that a builder made → the store, read from the archive that it exports.

Nothing is written by the names in the archive: members are read as streams and kept under their digests, and a layer
counts only when its bytes are those that the image's config names.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec

from bake.errors import Diagnostic, HostError
from bake.image.form import level_note
from bake.oci.digest import Digest
from bake.oci.model import Descriptor, History

_PIECE = 1 << 20
_MOST_DOCUMENT = 16 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """A layer: its diff id, its blob in the store (None where it is known already), when it was made (unix seconds)."""

    diff_id: str
    blob: Descriptor | None
    created: float


@dataclass(frozen=True, slots=True)
class Keep:
    """Where layers go: `known` diff ids are not kept; `scratch` makes an empty directory, `adopt` takes a blob."""

    known: frozenset[str]
    scratch: Callable[[], Path]
    adopt: Callable[[Path, str], object]
    compression: str = "gzip"
    level: int = 1


@dataclass(frozen=True, slots=True)
class Export:
    """An image as exported: its layers, bottom first, and the history of its config."""

    layers: tuple[Taken, ...]
    history: tuple[History, ...] = ()


def collect(archive: IO[bytes], keep: Keep) -> Mapping[str, Export]:
    """Image name → what it is made of; from an archive of `docker save` or an OCI layout. Raises HostError.

    Blocks; reads the stream once, from front to end.
    """
    found = _Found({}, {}, {})
    place = keep.scratch()
    try:
        with tarfile.open(fileobj=archive, mode="r|") as members:
            for number, member in enumerate(members):
                _member(members, member, place / str(number), keep, found)
    except (tarfile.TarError, EOFError) as error:
        raise _broken(str(error)) from None
    try:
        return _docker(found) if "manifest.json" in found.documents else _oci(found)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise _broken(f"{type(error).__name__} {error}") from None


@dataclass
class _Found:
    """By member name: small documents, layers, and links to other members."""

    documents: dict[str, bytes]
    layers: dict[str, tuple[str, Descriptor | None]]
    links: dict[str, str]


def _member(members: tarfile.TarFile, member: tarfile.TarInfo, place: Path, keep: Keep, found: _Found) -> None:
    name = member.name.removeprefix("./")
    if member.issym() or member.islnk():
        found.links[name] = _target(name, member)
        return
    if not member.isfile():
        return
    stream = members.extractfile(member)
    assert stream is not None
    with stream:
        if name.endswith("/layer.tar") or name.startswith("blobs/"):
            _blob(name, stream, member.size, place, keep, found)
        elif member.size <= _MOST_DOCUMENT:
            found.documents[name] = stream.read()


def _target(name: str, member: tarfile.TarInfo) -> str:
    from posixpath import dirname, join, normpath

    return member.linkname if member.islnk() else normpath(join(dirname(name), member.linkname))


def _blob(name: str, stream: IO[bytes], size: int, place: Path, keep: Keep, found: _Found) -> None:
    """A layer, or in an OCI layout any blob; which one shows in its first bytes."""
    first = stream.read(min(size, _PIECE))
    if name.startswith("blobs/") and first[:1] == b"{" and size <= _MOST_DOCUMENT:
        found.documents[name] = first + stream.read()
        return
    from bake.engine.buildkit.packing import unpacked

    diff_id = hashlib.sha256()
    with place.open("xb") as out:
        for piece in unpacked(_chained(first, stream)):
            diff_id.update(piece)
            out.write(piece)
    digest = f"sha256:{diff_id.hexdigest()}"
    found.layers[name] = digest, None if digest in keep.known else keep_packed(place, keep)
    with suppress(FileNotFoundError):
        place.unlink()


def _chained(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    yield first
    while piece := stream.read(_PIECE):
        yield piece


def keep_packed(plain: Path, keep: Keep) -> Descriptor:
    """Compresses an archive, and keeps it. Blocks."""
    from bake.engine.buildkit.packing import LAYER_TYPES, pack

    packed = plain.with_suffix(".packed")
    digest, size = pack(plain, packed, keep.compression, keep.level)
    keep.adopt(packed, digest)
    note = level_note(keep.compression, keep.level)
    return Descriptor(LAYER_TYPES[keep.compression], Digest(digest), size, annotations=note)


def _docker(found: _Found) -> Mapping[str, Export]:
    images: dict[str, Export] = {}
    for row in json.loads(found.documents["manifest.json"]):
        config = json.loads(found.documents[row["Config"]])
        layers = [found.layers[_real(found, name)] for name in row["Layers"]]
        for name in row["RepoTags"] or [""]:
            images[name] = _taken(config, layers)
    return images


def _oci(found: _Found) -> Mapping[str, Export]:
    index = json.loads(found.documents["index.json"])
    manifest = _document(found, index["manifests"][0]["digest"])
    while "manifests" in manifest:
        manifest = _document(found, manifest["manifests"][0]["digest"])
    config = _document(found, manifest["config"]["digest"])
    return {"": _taken(config, [found.layers[_place(layer["digest"])] for layer in manifest["layers"]])}


def _document(found: _Found, digest: str) -> Any:
    data = found.documents[_place(digest)]
    if digest != f"sha256:{hashlib.sha256(data).hexdigest()}":
        raise ValueError(f"{digest} has other bytes")
    return json.loads(data)


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _real(found: _Found, name: str) -> str:
    for _ in range(8):
        if name in found.layers:
            return name
        name = found.links[name]
    raise ValueError(f"links of {name} go in a circle")


def _taken(config: Any, layers: Sequence[tuple[str, Descriptor | None]]) -> Export:
    diff_ids = config["rootfs"].get("diff_ids") or []
    if diff_ids != [diff_id for diff_id, _ in layers]:
        raise ValueError("layers are not those of the config")
    times = [_time(row.get("created")) for row in config.get("history") or [] if not row.get("empty_layer")]
    times += [0.0] * (len(layers) - len(times))
    taken = tuple(Taken(diff_id, blob, at) for (diff_id, blob), at in zip(layers, times, strict=False))
    return Export(taken, msgspec.convert(config.get("history") or [], tuple[History, ...]))


def _time(text: str | None) -> float:
    if not text:
        return 0.0
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}+00:00").timestamp() + (float(f"0.{fraction}") if fraction.isdecimal() else 0)


def _broken(reason: str) -> HostError:
    message = f"the builder's export cannot be read: {reason}"
    return HostError(Diagnostic("bad-export", message, hint="build again; if it stays, this builder does not fit"))
