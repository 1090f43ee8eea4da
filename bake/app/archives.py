"""Layers → blobs in the store: each layer is archived once, in the background, while other steps run."""

from __future__ import annotations

import anyio
import msgspec

from bake.errors import Diagnostic, HostError
from bake.gather.kept import kept
from bake.image.assemble import LayerInfo
from bake.image.form import Compression, level_of, packed_level
from bake.oci import media_types
from bake.oci.model import Descriptor
from bake.plan.tree import StateId
from bake.ports.engine import Engine
from bake.ports.layers import Layer
from bake.ports.store import Store

_AT_ONCE = 2
_DATED = "dated"


class _Dated(msgspec.Struct, frozen=True):
    diff_id: str
    blob: Descriptor


class Archives:
    """Archives of one run. Any number of callers may ask for the same layer."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._slots = anyio.CapacityLimiter(_AT_ONCE)
        self._locks: dict[StateId, anyio.Lock] = {}

    async def info(self, state: StateId, compression: Compression, epoch: int | None = None) -> LayerInfo:
        """The blob of the top layer of `state`: of an image's layer the one it came as unless forced, else ours.

        `epoch`: in unix seconds, what no time in a layer of ours may exceed.
        """
        layer = self._layer(state)
        if epoch is not None and not (layer.of_image and layer.sources):
            return await self._dated(layer, compression, epoch)
        blob = self._blob(layer, compression)
        if blob is None:
            async with self._locks.setdefault(state, anyio.Lock()), self._slots:
                layer = self._layer(state)
                blob = self._blob(layer, compression)
                if blob is None:
                    level = level_of(compression.kind, compression.level)
                    layer = await self._engine.archive(state, compression.kind, level)
                    blob = self._blob(layer, compression)
        assert blob is not None
        return LayerInfo(layer.diff_id, blob, layer.created)

    async def _dated(self, layer: Layer, compression: Compression, epoch: int) -> LayerInfo:
        """Kept beside the layer's own blobs, as it has another diff id."""
        kind, level = compression.kind, level_of(compression.kind, compression.level)
        name = f"{layer.state} {kind} {level} {epoch}"
        async with self._locks.setdefault(layer.state, anyio.Lock()), self._slots:
            row = kept(self._store.files.fact(_DATED, name), _Dated)
            if row is None or self._store.blobs.path(row.blob.digest) is None:
                row = _Dated(*await self._engine.archive_dated(layer.state, kind, level, epoch))
                self._store.files.remember_fact(_DATED, name, msgspec.msgpack.encode(row))
        return LayerInfo(row.diff_id, row.blob, layer.created)

    def _layer(self, state: StateId) -> Layer:
        layer = self._store.layers.layer(state)
        if layer is None:
            raise HostError(
                Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store", hint="build again")
            )
        return layer

    def _blob(self, layer: Layer, compression: Compression) -> Descriptor | None:
        if not layer.diff_id:
            return None
        came = layer.blobs[0] if layer.of_image and layer.sources and layer.blobs else None
        wanted = "" if compression.kind == "none" else compression.kind
        if came is not None and (not compression.force or media_types.compression_of(came.media_type) == wanted):
            return came
        level = level_of(compression.kind, compression.level)
        fitting = (b for b in layer.blobs if b is not came and media_types.compression_of(b.media_type) == wanted)
        made = [b for b in fitting if packed_level(compression.kind, b) == level]
        here = next((b for b in made if self._store.blobs.path(b.digest) is not None), None)
        return here or (made[0] if made and layer.sources and not layer.of_image else None)
