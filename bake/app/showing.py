"""`bake tags`, `catalog`, `inspect`: looking into registries and at what is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bake.app.loading import load
from bake.app.options import Options
from bake.app.results import Built, decode, name_of
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.oci.reference import Reference, parse_reference

if TYPE_CHECKING:
    from bake.registry.pull import PulledImage


async def tags(options: Options, repository: str) -> tuple[str, ...]:
    """All tags of a repository. Raises RemoteError."""
    with Session(options) as session:
        return await session.registry.tags(_reference(repository).repository)


async def catalog(options: Options, host: str) -> tuple[str, ...]:
    """All repositories of a registry. Raises RemoteError."""
    with Session(options) as session:
        return await session.registry.catalog(host)


async def inspect(options: Options, name: str, *, remote: bool = False) -> dict[str, Any]:
    """A built target, else an image of a registry: `{"name", "digest", "platforms": {p: {"config", "layers", …}}}`."""
    with Session(options) as session:
        if not remote:
            rows = _built(session, name)
            if rows:
                return {"name": name, "source": "store", "platforms": {row.platform: _of_record(row) for row in rows}}
        return await _of_registry(session, _reference(name))


def _reference(text: str) -> Reference:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise InputError(Diagnostic("bad-reference", str(error))) from None


def _built(session: Session, name: str) -> list[Built]:
    """The records of a target; empty where `name` is none, or there is no bake.toml here."""
    try:
        loaded = load(session, (name,))
    except InputError:
        return []
    found: list[Built] = []
    for target in loaded.targets.values():
        for platform in target.platforms:
            data = session.store.results.load(name_of(loaded.root, target.name, platform))
            if data is not None:
                found.append(decode(data))
    return found


def _of_record(record: Built) -> dict[str, Any]:
    config = msgspec.to_builtins(record.config)
    created_by = [line.entry.created_by for line in record.history if line.layer >= 0]
    offset = len(record.states) - len(created_by)
    layers = [
        {"state": state, "created_by": created_by[at - offset] if at >= offset else ""}
        for at, state in enumerate(record.states)
    ]
    return {"config": config, "layers": layers, "tags": list(record.tags)}


async def _of_registry(session: Session, reference: Reference) -> dict[str, Any]:
    from bake.registry.pull import pull_image

    pulled = await pull_image(session.registry, reference.with_default_tag(), session.platform)
    platform = str(pulled.platform or session.platform)
    return {
        "name": str(reference),
        "source": "registry",
        "digest": pulled.root.digest,
        "media_type": pulled.root.media_type,
        "platforms": {platform: _of_pulled(pulled)},
    }


def _of_pulled(pulled: PulledImage) -> dict[str, Any]:
    return {
        "digest": pulled.descriptor.digest,
        "media_type": pulled.descriptor.media_type,
        "config": msgspec.json.decode(pulled.config_bytes),
        "layers": [msgspec.to_builtins(layer) for layer in pulled.manifest.layers],
        "size": sum(layer.size for layer in pulled.manifest.layers),
    }
