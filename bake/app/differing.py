"""`bake diff A B`: what differs between two images, each built here, in a registry, in a layout or an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from bake.app.inspecting import records
from bake.app.layer_files import layer_listing
from bake.app.options import Options
from bake.app.places import opened, where
from bake.app.results import Built
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.image.difference import Change, Layered, Value, changes, shared, values
from bake.oci.documents import CONFIG_LIMIT, decode_config
from bake.oci.model import Descriptor, Manifest
from bake.oci.platform import Platform, parse_platform
from bake.plan.tree import Listing, state_of_images
from bake.ports.layers import Layer
from bake.registry.places import Place, named


@dataclass(frozen=True)
class Difference:
    """`before` and `after` are the images compared; `shared` how many layers, from the bottom, they have in common."""

    names: tuple[str, str]
    before: Layered
    after: Layered
    shared: int
    files: tuple[Change, ...]
    config: tuple[Value, ...]


async def diff(options: Options, one: str, two: str, *, platform: str = "") -> Difference:
    """Raises BakeError. `platform` "" is the host's, or the only one there is."""
    with Session(options) as session:
        wanted = _platform(platform) if platform else session.platform
        reader = _Reader(session)
        before, after = [await reader.image(name, wanted, bool(platform)) for name in (one, two)]
        await session.engine.close()
        found = await anyio.to_thread.run_sync(changes, before, after)
        config = values(before.config, after.config)
        return Difference((one, two), before, after, shared(before, after), found, config)


def _platform(text: str) -> Platform:
    try:
        return parse_platform(text)
    except ValueError as error:
        raise InputError(Diagnostic("bad-platform", str(error))) from None


class _Reader:
    """Reads images as layers; a layer that both have is read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, Listing] = {}

    async def image(self, name: str, platform: Platform, strict: bool) -> Layered:
        rows = records(self._session, name)
        if rows:
            return await self._built(_chosen(name, rows, platform, strict))
        return await self._placed(name, platform, strict)

    async def _built(self, record: Built) -> Layered:
        listings, ids = [], []
        for state in record.states:
            layer = self._session.store.layers.layer(state)
            if layer is None:
                message = f"a layer of '{record.target}' is gone from the store"
                raise InputError(Diagnostic("lost-layer", message, hint="build it again"))
            listings.append(await self._of_store(layer))
            ids.append(layer.diff_id or str(state))
        steps = [line.entry.created_by for line in record.history if line.layer != -1 and not line.entry.empty_layer]
        config = msgspec.json.decode(msgspec.json.encode(record.config))  # lists where a registry's has lists
        return Layered(config, tuple(listings), tuple(ids), _padded(steps, len(ids)))

    async def _of_store(self, layer: Layer) -> Listing:
        """Of a layer that is unpacked, its listing; of another its archive, downloaded if need be."""
        known = self._session.store.layers.listing(layer.state)
        if known is not None:
            return known
        blob = layer.blobs[0]
        return await self._of_file(layer.diff_id, await self._session.fetcher(layer, blob, lambda *_: None))

    async def _placed(self, name: str, platform: Platform, strict: bool) -> Layered:
        from bake.registry.places.tree import read_tree

        place = where(name)
        source = opened(self._session, place)
        root = await read_tree(source, named(place))
        leaves = [node for node in root.walk() if isinstance(node.content, Manifest)]
        fitting = [n for n in leaves if n.descriptor.platform is None or _fits(n.descriptor, platform)]
        images = fitting if strict or len(leaves) > 1 else leaves
        if not images or not isinstance(images[0].content, Manifest):
            message = f"{name} has no image for {platform}"
            raise InputError(Diagnostic("no-such-platform", message, hint="`bake inspect` lists those it has"))
        return await self._manifest(source, images[0].content)

    async def _manifest(self, source: Place, manifest: Manifest) -> Layered:
        data = await source.blob(manifest.config, CONFIG_LIMIT)
        try:
            config = decode_config(data)
        except ValueError as error:
            raise InputError(Diagnostic("bad-image", str(error))) from None
        ids = config.rootfs.diff_ids
        if len(ids) != len(manifest.layers):
            raise InputError(Diagnostic("bad-image", "it is no image: layers and diff ids do not match"))
        listings = []
        for state, diff_id, blob in zip(state_of_images(ids), ids, manifest.layers, strict=True):
            known = self._known.get(diff_id) or self._session.store.layers.listing(state)
            listings.append(known if known is not None else await self._of_blob(source, diff_id, blob))
        steps = [entry.created_by for entry in config.history if not entry.empty_layer]
        return Layered(msgspec.json.decode(data), tuple(listings), tuple(ids), _padded(steps, len(ids)))

    async def _of_blob(self, source: Place, diff_id: str, blob: Descriptor) -> Listing:
        spare = self._session.store.layers.scratch() / "blob"
        kept = self._session.store.blobs.path(blob.digest)
        try:
            return await self._of_file(diff_id, kept or await source.file(blob, spare))
        finally:
            spare.unlink(missing_ok=True)

    async def _of_file(self, diff_id: str, file: Path) -> Listing:
        if diff_id not in self._known:
            self._known[diff_id] = await anyio.to_thread.run_sync(layer_listing, file)
        return self._known[diff_id]


def _chosen(name: str, rows: Sequence[Built], platform: Platform, strict: bool) -> Built:
    targets = dict.fromkeys(row.target for row in rows)
    if len(targets) > 1:
        raise InputError(Diagnostic("several-images", f"'{name}' is {', '.join(targets)}", hint="name one of them"))
    fitting = [row for row in rows if platform.matches(parse_platform(row.platform))]
    if not fitting and (strict or len(rows) > 1):
        message = f"'{name}' was not built for {platform}"
        raise InputError(
            Diagnostic("no-such-platform", message, hint=f"built for {', '.join(r.platform for r in rows)}")
        )
    return (fitting or list(rows))[0]


def _fits(row: Descriptor, platform: Platform) -> bool:
    try:
        return row.platform is not None and platform.matches(row.platform.platform())
    except ValueError:
        return False


def _padded(steps: Sequence[str], count: int) -> tuple[str, ...]:
    return tuple(steps) if len(steps) == count else ("",) * count


def document(found: Difference) -> dict[str, Any]:
    """As JSON: `{"images", "shared_layers", "layers": {"before", "after"}, "files": […], "config": […]}`."""
    return {
        "images": list(found.names),
        "shared_layers": found.shared,
        "layers": {
            side: [{"id": id, "created_by": step} for id, step in zip(image.ids, image.steps, strict=True)]
            for side, image in (("before", found.before), ("after", found.after))
        },
        "files": msgspec.to_builtins(found.files),
        "config": msgspec.to_builtins(found.config),
    }
