"""Results → config and manifest documents of an image (reference/dockerfile.md §10.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from bake.oci import media_types
from bake.oci.digest import Digest, sha256
from bake.oci.model import Descriptor, History, Manifest, PlatformSpec, RootFS, encode
from bake.plan.outcome import HistoryLine, Image, LayerRef
from bake.plan.step import StepId


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """An archived layer: its uncompressed digest, its blob, and when it was made (unix seconds, 0 = unknown)."""

    diff_id: str
    blob: Descriptor
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Assembled:
    """The documents of one image for one platform, ready to be stored or sent."""

    image: Image
    config: bytes
    manifest: bytes
    descriptor: Descriptor
    layers: tuple[Descriptor, ...]
    config_descriptor: Descriptor


def assemble(
    image: Image,
    layers: Mapping[LayerRef, LayerInfo],
    *,
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
    of_descriptor: Mapping[str, str] | None = None,
    epoch: int | None = None,
) -> Assembled:
    """Config and manifest from an image's plan and its archived layers; `docker` chooses Docker's media types.

    `annotations` are the manifest's own, `of_descriptor` those of what names it in an index. `epoch` in unix seconds:
    the time of all that is not the base image's (dockerfile.md §11).
    """
    infos = [layers[ref] for ref in image.layers]
    history = _history(image, infos) if epoch is None else _dated(image, rfc3339(epoch))
    config = msgspec.structs.replace(
        image.config,
        rootfs=RootFS(diff_ids=tuple(Digest(info.diff_id) for info in infos)),
        history=history,
        created=_created(history, epoch),
    )
    body = encode(config)
    blobs = tuple(_typed(info.blob, docker) for info in infos)
    config_type = media_types.DOCKER_CONFIG if docker else media_types.OCI_CONFIG
    config_descriptor = Descriptor(config_type, sha256(body), len(body))
    manifest_type = media_types.DOCKER_MANIFEST if docker else media_types.OCI_MANIFEST
    manifest = encode(
        Manifest(
            config_descriptor, blobs, media_type=manifest_type, annotations=dict(annotations) if annotations else None
        )
    )
    platform = PlatformSpec.of(image.platform)
    descriptor = Descriptor(
        manifest_type,
        sha256(manifest),
        len(manifest),
        annotations=dict(of_descriptor) if of_descriptor else None,
        platform=platform,
    )
    return Assembled(image, body, manifest, descriptor, blobs, config_descriptor)


def _typed(blob: Descriptor, docker: bool) -> Descriptor:
    """The bare descriptor of a layer in one family of media types; hints that only bake reads are left out."""
    kind = media_types.to_docker(blob.media_type) if docker else media_types.to_oci(blob.media_type)
    return Descriptor(kind, blob.digest, blob.size)


def _history(image: Image, infos: Sequence[LayerInfo]) -> tuple[History, ...]:
    """History with times: layers bring theirs, entries without a layer take that of the next layer, else the last."""
    made = {ref.step: info for ref, info in zip(image.layers, infos, strict=True) if ref.index < 0}
    entries = [_entry(line, made) for line in image.history]
    return tuple(_timed(entries))


def _dated(image: Image, time: str) -> tuple[History, ...]:
    """History whose entries that the base did not bring all have this time."""
    own = (line if isinstance(line, History) else _entry(line, {}) for line in image.history)
    return tuple(entry if entry.created else msgspec.structs.replace(entry, created=time) for entry in own)


def _created(history: Sequence[History], epoch: int | None) -> str | None:
    last = next((entry.created for entry in reversed(history) if entry.created), None)
    if last is None or epoch is None:
        return last
    limit = rfc3339(epoch)
    return limit if datetime.fromisoformat(last) > datetime.fromisoformat(limit) else last


def _entry(line: History | HistoryLine, made: Mapping[StepId, LayerInfo]) -> History:
    if isinstance(line, History):
        return line
    info = made.get(line.layer) if line.layer else None
    created = rfc3339(info.created) if info and info.created else None
    return History(created, line.created_by, comment=line.comment, empty_layer=line.layer is None)


def _timed(entries: Sequence[History]) -> list[History]:
    first = next((at for at, entry in enumerate(entries) if not entry.created), None)
    if first is None:
        return list(entries)
    later = next((entry.created for entry in entries[first:] if entry.created), None)
    time = later or next((entry.created for entry in reversed(entries) if entry.created), None)
    found: list[History] = []
    untimed = False
    for entry in entries:
        if entry.created:
            time = entry.created if untimed else time
            found.append(entry)
        else:
            untimed = True
            found.append(msgspec.structs.replace(entry, created=time))
    return found


def rfc3339(seconds: float) -> str:
    """Unix seconds as `2026-11-24T12:00:00.123456Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
