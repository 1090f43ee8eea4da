"""`bake inspect`: what an image is, wherever it lies: built here, in a registry, in an OCI layout or archive."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from bake.app.loading import load
from bake.app.options import Options
from bake.app.places import opened, where
from bake.app.results import Built, decode, name_of
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.oci.documents import CONFIG_LIMIT
from bake.oci.model import Descriptor, Manifest
from bake.oci.platform import parse_platform
from bake.registry.places import Place, Where, named

if TYPE_CHECKING:
    from bake.registry.places.tree import Node

_NO_LAYER = -1
_ATTESTS, _SUBJECT = "attestation-manifest", "vnd.docker.reference.digest"
_KIND, _PREDICATE = "vnd.docker.reference.type", "in-toto.io/predicate-type"


async def inspect(options: Options, name: str, *, remote: bool = False, platform: str = "") -> dict[str, Any]:
    """A built target, else an image of a registry, layout or archive; of one platform if it is named.

    `{"name", "source", "digest", "media_type", "platforms": {p: {"digest", "config", "layers": [{"digest", "size",
    "diff_id", "created_by", …}], "size"}}, "attestations": […], "referrers": […]}`. Raises BakeError.
    """
    with Session(options) as session:
        rows = [] if remote else records(session, name)
        if rows:
            shown = {row.platform: _of_record(session, row) for row in rows if _wanted(row.platform, platform)}
            found: dict[str, Any] = {"name": name, "source": "store", "platforms": shown}
        else:
            found = await _of_place(session, where(_address(session, name) if remote else name), platform)
        if platform and not found["platforms"]:
            message = f"{name} has no image for {platform}"
            raise InputError(Diagnostic("no-such-platform", message, hint="leave --platform away to see all it has"))
        return found


async def raw(options: Options, name: str) -> bytes:
    """The exact bytes of the manifest or index that a reference stands for. Raises BakeError."""
    with Session(options) as session:
        place = where(_address(session, name))
        return (await opened(session, place).manifest(named(place)))[1]


def records(session: Session, name: str) -> list[Built]:
    """What the store keeps of a target; empty where `name` is none, or there is no bake.toml here."""
    try:
        loaded = load(session, (name,))
    except InputError:
        return []
    found: list[Built] = []
    for target in loaded.targets.values():
        for platform in target.platforms:
            record = decode(session.store.results.load(name_of(loaded.root, target.name, platform)))
            found += [record] if record is not None and record.here else []
    return found


def _address(session: Session, name: str) -> str:
    """The first tag of a target where `name` is one, else the name itself."""
    try:
        targets = list(load(session, (name,)).targets.values())
    except InputError:
        return name
    tags = [tag for target in targets for tag in target.tags]
    return tags[0] if len(targets) == 1 and tags else name


def _wanted(platform: str, asked: str) -> bool:
    return not asked or parse_platform(asked).matches(parse_platform(platform))


def _of_record(session: Session, record: Built) -> dict[str, Any]:
    steps = [line.entry.created_by for line in record.history if line.layer != _NO_LAYER and not line.entry.empty_layer]
    offset = len(record.states) - len(steps)
    layers = []
    for at, state in enumerate(record.states):
        kept = session.store.layers.layer(state)
        row: dict[str, Any] = {"state": state, "created_by": steps[at - offset] if at >= offset else ""}
        if kept is not None:
            row |= {"diff_id": kept.diff_id} if kept.diff_id else {}
            row |= {"digest": kept.blobs[0].digest, "size": kept.blobs[0].size} if kept.blobs else {}
            row |= {"unpacked_size": kept.size} if kept.size else {}
        layers.append(row)
    return {"config": msgspec.to_builtins(record.config), "layers": layers, "tags": list(record.tags)}


async def _of_place(session: Session, place: Where, platform: str) -> dict[str, Any]:
    from bake.registry.places.tree import read_tree

    source = opened(session, place)
    root = await read_tree(source, named(place))
    leaves = [node for node in root.walk() if isinstance(node.content, Manifest)]
    images = [node for node in leaves if not _attests(node.descriptor)]
    shown: dict[str, Any] = {}
    for node in images:
        name, row = await _image(source, node)
        if _wanted(name, platform):
            shown[name if name not in shown else f"{name} ({node.descriptor.digest[7:19]})"] = row
    found: dict[str, Any] = {
        "name": str(place),
        "source": place.kind,
        "digest": root.descriptor.digest,
        "media_type": root.descriptor.media_type,
        "platforms": shown,
    }
    notes = getattr(root.content, "annotations", None)
    found |= {"annotations": notes} if notes else {}
    statements = [_statement(node, images) for node in leaves if _attests(node.descriptor)]
    found |= {"attestations": statements} if statements else {}
    rows = await _referrers(session, place, [root, *images])
    return found | ({"referrers": rows} if rows else {})


async def _image(source: Place, node: Node) -> tuple[str, dict[str, Any]]:
    manifest = node.content
    assert isinstance(manifest, Manifest)
    data = await source.blob(manifest.config, CONFIG_LIMIT)
    try:
        config = msgspec.json.decode(data)
    except msgspec.DecodeError:
        config = {}
    config = config if isinstance(config, dict) else {}
    row = {
        "digest": node.descriptor.digest,
        "media_type": node.descriptor.media_type,
        "config": config,
        "layers": _layers(manifest.layers, config),
        "size": sum(layer.size for layer in manifest.layers),
    }
    return _platform(node.descriptor, config), row | (
        {"annotations": manifest.annotations} if manifest.annotations else {}
    )


def _layers(layers: Sequence[Descriptor], config: dict[str, Any]) -> list[dict[str, Any]]:
    """Each with its diff id, and the entry of the history that made it."""
    ids = ((config.get("rootfs") or {}).get("diff_ids") or []) + [""] * len(layers)
    steps = [entry for entry in config.get("history") or () if not entry.get("empty_layer")]
    steps = steps if len(steps) == len(layers) else [{}] * len(layers)
    rows = []
    for layer, diff_id, step in zip(layers, ids, steps, strict=False):
        row = msgspec.to_builtins(layer) | {"diff_id": diff_id, "created_by": step.get("created_by", "")}
        rows.append(row | ({"created": step["created"]} if step.get("created") else {}))
    return rows


def _platform(descriptor: Descriptor, config: dict[str, Any]) -> str:
    parts = [str(config.get(name) or "") for name in ("os", "architecture", "variant")]
    with suppress(ValueError):
        if all(parts[:2]):
            return str(parse_platform("/".join(part for part in parts if part)))
        if descriptor.platform is not None:
            return str(descriptor.platform.platform())
    return "artifact"


def _attests(descriptor: Descriptor) -> bool:
    return (descriptor.annotations or {}).get(_KIND) == _ATTESTS


def _statement(node: Node, images: Sequence[Node]) -> dict[str, Any]:
    """What an attestation manifest of BuildKit's layout says of which image."""
    manifest, subject = node.content, (node.descriptor.annotations or {}).get(_SUBJECT, "")
    assert isinstance(manifest, Manifest)
    of = next((image.descriptor.platform for image in images if image.descriptor.digest == subject), None)
    kinds = [kind for row in manifest.layers if (kind := (row.annotations or {}).get(_PREDICATE))]
    told = {"digest": node.descriptor.digest, "subject": subject, "predicates": kinds}
    return told | ({"platform": str(of.platform())} if of else {})


async def _referrers(session: Session, place: Where, nodes: Sequence[Node]) -> list[dict[str, Any]]:
    """What else refers to the image or one of its platforms; a registry that cannot tell is no reason to fail."""
    if place.reference is None:
        return []
    from bake.registry.referrers import list_referrers

    rows: list[dict[str, Any]] = []
    for digest in dict.fromkeys(node.descriptor.digest for node in nodes):
        with suppress(BakeError):
            found = await list_referrers(session.registry, place.reference.repository, digest)
            rows += [_referrer(row, digest) for row in found]
    return rows


def _referrer(row: Descriptor, subject: str) -> dict[str, Any]:
    return {"subject": subject, "artifact_type": row.artifact_type or row.media_type, "digest": row.digest} | (
        {"annotations": row.annotations} if row.annotations else {}
    )
