"""The embedded engine as the solver sees it: tasks become requests to the helper, answers layers of the store."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import rmtree
from types import TracebackType

import anyio
from anyio import to_thread

from bake.engine.embedded.answers import Answer, Archived, Ended, Files, Left, Made
from bake.engine.embedded.bases import Bases
from bake.engine.embedded.helper import Helper
from bake.engine.embedded.prepare import MakeRequest, Preparation, command_of
from bake.engine.embedded.requests import Archive, Interact, Pack, ReadFiles, Remove, Repack, Request, Spread, Whole
from bake.engine.embedded.wire import SandboxChosen
from bake.errors import BakeError, Diagnostic, HostError
from bake.image.form import level_note
from bake.oci import media_types
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.plan.step import MergeOp
from bake.plan.tree import StateId, state_of_digest
from bake.ports.engine import Fetch, Process, Say
from bake.ports.layers import Layer
from bake.ports.store import Store
from bake.ports.task import StateInput, Task
from bake.ports.unload import Unload

_BLOB_TYPES = {
    "gzip": media_types.OCI_LAYER_GZIP,
    "zstd": media_types.OCI_LAYER_ZSTD,
    "none": media_types.OCI_LAYER,
}

_UNASKED = frozenset({"resource-limits", "terminal"})
"""Reductions that no Dockerfile notices: limits are asked for by the target, a terminal by `bake run`."""


class EmbeddedEngine:
    """Builds on this host, without a daemon. The helper process starts with the first thing to do."""

    name = "embedded"

    def __init__(self, store: Store, fetch: Fetch, sandbox: str | None = None) -> None:
        self.store = store
        self.warn: Callable[[Diagnostic], None] = lambda _warning: None
        self._sandbox = sandbox or ""
        self._helper: Helper | None = None
        self._home: Path | None = None
        self._starting = anyio.Lock()
        self._bases = Bases(store, fetch, self.call)
        self._preparation = Preparation(store, self._bases.ensure, self._make)

    # Running steps

    async def run(self, task: Task, say: Say) -> Layer:
        """See ports.engine.Worker."""
        parent, *others = task.inputs
        assert isinstance(parent, StateInput), "input 0 of a layer step is a state"
        if isinstance(task.step.op, MergeOp):
            assert isinstance(others[0], StateInput)
            return self.store.layers.alias(parent.state, others[0].state)
        for given in task.inputs:
            if isinstance(given, StateInput):
                await self.ensure(given.state, say)
        request = await self._preparation.request(task, say)
        return await self._make(parent.state, request, say)

    async def _make(self, parent: StateId, request: MakeRequest, say: Say) -> Layer:
        async with self._scratch() as scratch:
            made = await self.call(request(str(scratch)), say)
            assert isinstance(made, Made)
            known = self.store.layers.layer(state_of_digest(parent, made.digest))
            if known is not None and known.directory is not None:
                await self.call(Remove(str(scratch)), say)  # it may hold files of other ids
                return known
            commit = partial(self.store.layers.commit, created=time.time(), size=made.size)
            return await to_thread.run_sync(commit, parent, scratch, made.digest)

    # States

    async def ensure(self, state: StateId, say: Say) -> None:
        """See ports.engine.Engine."""
        await self._bases.ensure(state, say)

    async def archive(self, state: StateId, compression: str, level: int) -> Layer:
        """See ports.engine.Engine."""
        layer = self.store.layers.layer(state)
        if layer is None:
            raise HostError(Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store"))
        async with self._scratch() as scratch:
            out = str(scratch / "blob")
            request: Request
            if layer.blobs and (layer.sources or self.store.blobs.path(layer.blobs[0].digest)):
                blob = await self._bases.blob(layer, lambda *_: None)
                request = Repack(str(blob), out, compression, level)
            else:
                await self.ensure(state, lambda *_: None)
                layer = self.store.layers.layer(state) or layer
                request = Archive(str(layer.directory), out, compression, level)
            found = await self.call(request, lambda *_: None)
            assert isinstance(found, Archived)
            if layer.diff_id and layer.diff_id != found.diff_id:
                message = f"the layer {state[:12]} in the store gives another archive than when it was first packed"
                raise HostError(Diagnostic("damaged-layer", message, hint="run bake cache verify"))
            await to_thread.run_sync(self.store.blobs.adopt, Path(out), found.digest)
            note = level_note(compression, level)
            packed = Descriptor(_BLOB_TYPES[compression], Digest(found.digest), found.size, annotations=note)
            return self.store.layers.archived(state, found.diff_id, packed)

    async def archive_dated(self, state: StateId, compression: str, level: int, epoch: int) -> tuple[str, Descriptor]:
        """See ports.engine.Engine."""
        await self.ensure(state, lambda *_: None)
        layer = self.store.layers.layer(state)
        if layer is None:
            raise HostError(Diagnostic("lost-layer", f"the layer {state[:12]} is gone from the store"))
        async with self._scratch() as scratch:
            out = scratch / "blob"
            found = await self.call(Archive(str(layer.directory), str(out), compression, level, epoch), lambda *_: None)
            assert isinstance(found, Archived)
            await to_thread.run_sync(self.store.blobs.adopt, out, found.digest)
            return found.diff_id, Descriptor(_BLOB_TYPES[compression], Digest(found.digest), found.size)

    async def interact(self, state: StateId, process: Process) -> int:
        """See ports.engine.Engine."""
        await self.ensure(state, lambda *_: None)
        lower = self._preparation.layers(state)
        async with self._scratch() as scratch:
            request = Interact(str(scratch), lower, command_of(process), process.terminal, process.platform)
            ended = await self.call(request, lambda *_: None)
            assert isinstance(ended, Ended)
            return ended.code

    async def spread(self, unload: Unload, delete: bool) -> tuple[str, ...]:
        """See ports.unload.Unloader."""
        await to_thread.run_sync(partial(os.makedirs, unload.dest, exist_ok=True))
        request = Spread(await self._whole(unload), str(unload.dest.absolute()), unload.files, unload.latest, delete)
        left = await self.call(request, lambda *_: None)
        assert isinstance(left, Left)
        return tuple(path.decode("utf-8", "surrogateescape") for path in left.paths)

    async def pack(self, unload: Unload) -> None:
        """See ports.unload.Unloader."""
        request = Pack(await self._whole(unload), str(unload.dest.absolute()), unload.files, unload.latest)
        await self.call(request, lambda *_: None)

    async def read(self, state: StateId, paths: Sequence[str]) -> Mapping[str, bytes]:
        """See ports.unload.Unloader."""
        await self.ensure(state, lambda *_: None)
        wanted = tuple(path.encode("utf-8", "surrogateescape") for path in paths)
        files = await self.call(ReadFiles(self._preparation.layers(state), wanted), lambda *_: None)
        assert isinstance(files, Files)
        return {path.decode("utf-8", "surrogateescape"): data for path, data in files.found.items()}

    async def _whole(self, unload: Unload) -> tuple[Whole, ...]:
        for _, state in unload.states:
            await self.ensure(state, lambda *_: None)
        return tuple(Whole(name, self._preparation.layers(state)) for name, state in unload.states)

    async def remove(self, directory: Path) -> None:
        """Removes a directory of the store with all in it, files of other ids included; what resists stays."""
        await self.call(Remove(str(directory)), lambda *_: None)
        rmtree(directory, ignore_errors=True)

    # The helper

    def _tell_lacks(self, chosen: SandboxChosen) -> None:
        """Says once what steps cannot do here and could under BuildKit; what no Dockerfile can ask for is left out."""
        lacks = [sentence for key, sentence in chosen.lacks.items() if key not in _UNASKED]
        if lacks:
            message = f"RUN steps get less here than they may expect ({chosen.sandbox}): {'; '.join(lacks)}"
            hint = "`bake doctor` says what this host can do and how to get the rest"
            self.warn(Diagnostic("reduced-sandbox", message, hint=hint, severity="warning"))

    async def call(self, request: Request, say: Say) -> Answer:
        """Sends a request to the helper, which is started if need be."""
        async with self._starting:
            if self._helper is None:
                self._home = self._home or self.store.layers.scratch()
                self._helper = await Helper.start(str(self._home), str(self.store.root / "sandbox"), self._sandbox)
                self._helper.on_sandbox = self._tell_lacks
        return await self._helper.call(request, say)

    @asynccontextmanager
    async def _scratch(self) -> AsyncIterator[Path]:
        """A scratch directory; gone afterwards unless the store took it."""
        scratch = self.store.layers.scratch()
        try:
            yield scratch
        except BaseException:
            # The helper empties it when a call fails, but a call may also be cancelled just when it is done.
            with anyio.CancelScope(shield=True), suppress(BakeError, OSError):
                if any(scratch.iterdir()):
                    await self.call(Remove(str(scratch)), lambda *_: None)
            raise
        finally:
            rmtree(scratch, ignore_errors=True)

    async def close(self) -> None:
        """See ports.engine.Engine."""
        if self._helper is not None:
            await self._helper.close()
            self._helper = None
        if self._home is not None:
            rmtree(self._home, ignore_errors=True)
            self._home = None

    async def __aenter__(self) -> EmbeddedEngine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
