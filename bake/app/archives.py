"""Layers → blobs in the store: each layer is archived once, in the background, while other steps run."""

from __future__ import annotations

import anyio
import msgspec

from bake.errors import Diagnostic, HostError
from bake.image.assemble import LayerInfo
from bake.oci import media_types
from bake.oci.model import Descriptor
from bake.plan.tree import StateId
from bake.ports import Engine, Layer, Store

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

    async def info(
        self, state: StateId, compression: str = "gzip", level: int = 1, epoch: int | None = None
    ) -> LayerInfo:
        """The blob of the top layer of `state`: of an image's layer the one it came as, else ours.

        `epoch`: in unix seconds, what no time in a layer of ours may exceed.
        """
        layer = self._layer(state)
        if epoch is not None and not layer.sources:
            return await self._dated(layer, compression, level, epoch)
        blob = self._blob(layer, compression)
        if blob is None:
            async with self._locks.setdefault(state, anyio.Lock()), self._slots:
                layer = self._layer(state)
                blob = self._blob(layer, compression)
                if blob is None:
                    layer = await self._engine.archive(state, compression, level)
                    blob = self._blob(layer, compression)
        assert blob is not None
        return LayerInfo(layer.diff_id, blob, layer.created)

    async def _dated(self, layer: Layer, compression: str, level: int, epoch: int) -> LayerInfo:
        """Kept beside the layer's own blobs, as it has another diff id."""
        name = f"{layer.state} {compression} {level} {epoch}"
        async with self._locks.setdefault(layer.state, anyio.Lock()), self._slots:
            known = self._store.files.fact(_DATED, name)
            row = msgspec.msgpack.decode(known, type=_Dated) if known else None
            if row is None or self._store.blobs.path(row.blob.digest) is None:
                row = _Dated(*await self._engine.archive_dated(layer.state, compression, level, epoch))
                self._store.files.remember_fact(_DATED, name, msgspec.msgpack.encode(row))
        return LayerInfo(row.diff_id, row.blob, layer.created)

    def _layer(self, state: StateId) -> Layer:
        layer = self._store.layers.layer(state)
        if layer is None:
            raise HostError(
                Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store", hint="build again")
            )
        return layer

    def _blob(self, layer: Layer, compression: str) -> Descriptor | None:
        if not layer.diff_id:
            return None
        if layer.sources and layer.blobs:
            return layer.blobs[0]
        wanted = "" if compression == "none" else compression
        fitting = (b for b in layer.blobs if media_types.compression_of(b.media_type) == wanted)
        return next((b for b in fitting if self._store.blobs.path(b.digest) is not None), None)
