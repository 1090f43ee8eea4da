"""Layers of base images: downloaded and unpacked when a step needs them, several at a time, once over all processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree

import anyio
from anyio import to_thread

from bake.engine.embedded.answers import Answer, Settled, Unpacked
from bake.engine.embedded.requests import Remove, Request, Settle, Unpack
from bake.errors import BakeError, Diagnostic, HostError, LostLayer, RemoteError, StepError
from bake.plan.tree import StateId
from bake.ports.engine import Fetch, Say
from bake.ports.layers import Layer
from bake.ports.store import Store

Call = Callable[[Request, Say], Awaitable[Answer]]
_AT_ONCE = 4


@dataclass(slots=True)
class _Unpacking:
    """One layer on its way: its blob, and where it was unpacked with which answer."""

    layer: Layer
    scratch: Path
    blob: Path | None = None
    answer: Unpacked | None = None


class Bases:
    """Makes states usable. `call` asks the helper."""

    def __init__(self, store: Store, fetch: Fetch, call: Call) -> None:
        self._store = store
        self._fetch = fetch
        self._call = call
        self._locks: dict[StateId, anyio.Lock] = {}
        self._slots = anyio.CapacityLimiter(_AT_ONCE)

    async def ensure(self, state: StateId, say: Say) -> None:
        """Unpacks every layer of `state` that is not. Raises RemoteError, StepError for a damaged layer of an image.

        Raises LostLayer for a layer of a step, after having the store forget it: it can be made again.
        """
        missing = self._missing(state)
        if not missing:
            return
        async with AsyncExitStack() as held:
            # Bottom first: all states that share a layer share all below it, so nobody waits in a circle.
            for layer in missing:
                await held.enter_async_context(self._locks.setdefault(layer.state, anyio.Lock()))
                await held.enter_async_context(self._store.records.claim(f"unpack:{layer.state}"))
            await self._unpack_all(state, say)

    async def blob(self, layer: Layer, say: Say) -> Path:
        """The file of an image layer's blob, downloaded if need be. Raises RemoteError."""
        problem: RemoteError | None = None
        for blob in layer.blobs:
            try:
                return self._store.blobs.path(blob.digest) or await self._fetch(layer, blob, say)
            except RemoteError as error:
                problem = error
        raise problem or LostLayer(_unknown(layer), layer.state)

    def _missing(self, state: StateId) -> list[Layer]:
        return [layer for layer in self._store.layers.chain(state) if layer.directory is None]

    async def _unpack_all(self, state: StateId, say: Say) -> None:
        works: list[_Unpacking] = []
        missing = self._missing(state)
        unknown = [layer for layer in missing if not layer.blobs]
        if unknown:
            for layer in unknown:
                self._store.layers.forget(layer.state)
            raise LostLayer(_unknown(unknown[0]), *(layer.state for layer in unknown))
        try:
            for layer in missing:
                works.append(_Unpacking(layer, self._store.layers.scratch()))
            await _together([partial(self._download_and_unpack, work, say) for work in works])
            for work in works:
                await self._place(work, say)
        finally:
            for work in works:
                await self._drop(work, say)

    async def _download_and_unpack(self, work: _Unpacking, say: Say) -> None:
        async with self._slots:
            try:
                work.blob = await self.blob(work.layer, say)
                say("progress", f"unpacking {work.layer.diff_id[7:19]}")
                work.answer = await self._unpack(work, None, say)
            except (RemoteError, StepError) as error:
                self._give_up(work.layer, error)
                raise

    def _give_up(self, layer: Layer, error: BakeError) -> None:
        """Forgets a layer of a step that cannot be had as it was said to be, which is no reason to fail."""
        if not layer.of_image:
            self._store.layers.forget(layer.state)
            blobs = frozenset(blob.digest for blob in layer.blobs)
            raise LostLayer(error.diagnostics, layer.state, blobs=blobs) from None

    async def _unpack(self, work: _Unpacking, lower: tuple[str, ...] | None, say: Say) -> Unpacked:
        request = Unpack(str(work.scratch), str(work.blob), work.layer.diff_id, lower)
        answer = await self._call(request, say)
        assert isinstance(answer, Unpacked)
        return answer

    async def _place(self, work: _Unpacking, say: Say) -> None:
        """Fits a layer to what lies below it, which is in the store by now, and gives it to the store."""
        assert work.answer is not None
        if work.answer.unsure or work.answer.implied:
            below = self._store.layers.chain(work.layer.parent)
            lower = tuple(str(layer.directory / "fs") for layer in below if layer.directory is not None)
            if work.answer.unsure or not await self._settles(work, lower, say):
                await self._call(Remove(str(work.scratch)), say)
                work.answer = await self._unpack(work, lower, say)
        unpacked = self._store.layers.unpacked
        try:
            await to_thread.run_sync(unpacked, work.layer.state, work.scratch, work.answer.size)
        except LostLayer as error:
            self._give_up(work.layer, error)
            raise

    async def _settles(self, work: _Unpacking, lower: tuple[str, ...], say: Say) -> bool:
        assert work.answer is not None
        settled = await self._call(Settle(str(work.scratch), lower, work.answer.implied), say)
        assert isinstance(settled, Settled)
        return settled.fits

    async def _drop(self, work: _Unpacking, say: Say) -> None:
        """Removes what the store did not take."""
        if work.scratch.exists():
            with anyio.CancelScope(shield=True):
                try:
                    await self._call(Remove(str(work.scratch)), say)
                except HostError:
                    pass  # the helper is gone; the store sweeps it later
                rmtree(work.scratch, ignore_errors=True)


def _unknown(layer: Layer) -> Diagnostic:
    message = f"the files of the layer {layer.state[:12]} are not here, and no cache holds them"
    return Diagnostic("lost-layer", message, hint="build again: the step that made it runs again")


async def _together(works: list[Callable[[], Awaitable[None]]]) -> None:
    """Runs all at once; the first failure cancels the others and is raised as it is, not in a group."""
    failures: list[BaseException] = []

    async def guarded(work: Callable[[], Awaitable[None]], group: anyio.abc.TaskGroup) -> None:
        try:
            await work()
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for work in works:
            group.start_soon(guarded, work, group)
    if failures:
        raise failures[0]
