"""An image that a builder has made, out of it: its layers into the store, its cache to where others read it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
from anyio import to_thread

from bake.engine.buildkit.collect import Export, Keep, collect, keep_packed
from bake.engine.buildkit.docker import NoSuchImage
from bake.engine.buildkit.images import Held, Images
from bake.engine.buildkit.offer import INLINE, offer
from bake.engine.buildkit.services.filereceive import FileReceive
from bake.engine.buildkit.services.filesend import FileSend
from bake.engine.buildkit.session import Methods, Session
from bake.engine.buildkit.settings import BuildSettings, Wanted
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderBusy, BuilderLost, Wish
from bake.errors import BakeError, Diagnostic, HostError
from bake.plan.outcome import Image
from bake.plan.tree import StateId

Solving = Callable[[Wish], Awaitable[None]]
"""Has the builder do what a wish says."""


class Exports:
    """Of one image; `solving` has the builder do what a wish says.

    `file`: where the session of a wish puts what is exported, if that takes exports.
    """

    def __init__(self, site: Site, image: Image, images: Images, settings: BuildSettings, solving: Solving) -> None:
        self._site = site
        self._image = image
        self._images = images
        self._settings = settings
        self._solve = solving
        self.file: Path | None = None

    async def take(self, wish: Wish, wanted: Wanted) -> Held:
        """Solves `wish`, and takes what is wanted of its result into the store.

        Raises as a solve does, and HostError for an export that is not what the plan says.
        """
        if wanted == "nothing":
            await self._solve(wish)
            return Held()
        if wanted == "files" and self.file is None:
            return Held(files=await self._files(wish))
        if await self._site.is_whole():
            return Held(await self._from_stream(wish))
        return Held(await self._from_docker(wish))

    def _keep(self) -> Keep:
        store = self._settings.store
        compression, level = self._settings.form(self._image.target)
        known = frozenset(self._images.base_diff_ids(self._image))
        return Keep(known, store.layers.scratch, store.blobs.adopt, compression, level)

    def _config(self, mark: str = "") -> str:
        """What the exporter needs; the image's own config is made from the plan, as for every engine.

        `mark` makes it another image than all others in engines that heed it (`passing`). The history that a front end
        writes is the exporter's to complete.
        """
        return msgspec.json.encode(
            {
                "architecture": self._image.platform.arch,
                "os": self._image.platform.os,
                "rootfs": {"type": "layers", "diff_ids": []},
                "config": {"Labels": {"bake.passing": mark}} if mark else {},
                "history": self._images.written(self._image),
            }
        ).decode()

    async def offer(self, wish: Wish) -> None:
        """Writes the caches that the builder has not written while it built."""
        rows = self._settings.caches(self._image.target).exports
        if not rows or await self._site.is_whole():
            return
        for row in rows:

            async def export(name: str) -> None:
                attrs = {"name": name, "containerimage.config": self._config(name)}
                caches = replace(wish.caches, exports=(INLINE,))
                await self._solve(replace(wish, exporter="moby", attrs=attrs, caches=caches))

            problem = await offer(self._site, row, export)
            if problem is not None:
                self._settings.tell(problem)

    async def _from_docker(self, wish: Wish) -> tuple[StateId, ...]:
        """Into the Docker Engine under a passing name, out of it by its API unless the store has the layers."""
        api = self._site.docker()

        def fetch(name: str) -> tuple[StateId, ...]:
            states = self._images.already(self._image, api.layers(name))
            if states is not None:
                return states
            with api.save([name]) as archive:
                return self._images.take_in(self._image, _only(collect(archive, self._keep())))

        async with self._site.passing.name(api, self._settings.tell) as name:
            attrs = {"name": name, "containerimage.config": self._config(name)}
            await self._solve(replace(wish, exporter="moby", attrs=attrs))
            try:
                return await to_thread.run_sync(fetch, name, abandon_on_cancel=True)
            except NoSuchImage as error:
                raise BuilderBusy(error.diagnostics) from None

    async def _files(self, wish: Wish) -> StateId:
        """Just the files of the result, which no layer below, nor a registry, is needed for."""
        file: Path = self._settings.store.layers.scratch() / "files"
        receive = FileReceive(file)
        try:
            async with self._session(receive.methods()) as session:
                await self._solve(replace(wish, exporter="local", session=session))
        except BakeError as error:
            if receive.problem and not isinstance(error, BuilderLost):
                raise _refused(receive.problem) from None
            raise
        if not receive.done:
            raise _refused("no files")
        return await to_thread.run_sync(self._kept, file)

    def _kept(self, plain: Path) -> StateId:
        with plain.open("rb") as opened:
            diff_id = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
        state = self._images.take_files(diff_id, keep_packed(plain, self._keep()))
        plain.unlink(missing_ok=True)
        return state

    @asynccontextmanager
    async def _session(self, methods: Methods) -> AsyncIterator[Session]:
        """One of its own, for streams do not say which solve they belong to."""
        builder = await self._site.open()
        async with Session(builder, {**self._site.methods(), **methods}, self._site.shared_key) as session:
            yield session

    async def _from_stream(self, wish: Wish) -> tuple[StateId, ...]:
        """As an OCI archive."""
        file: Path = self.file or self._settings.store.layers.scratch() / "export"
        wish = replace(wish, exporter="oci", attrs={"containerimage.config": self._config()})
        if self.file is not None:
            await self._solve(wish)
        else:
            async with self._session(FileSend(file).methods()) as session:
                await self._solve(replace(wish, session=session))

        def read() -> tuple[StateId, ...]:
            with file.open("rb") as archive:
                return self._images.take_in(self._image, _only(collect(archive, self._keep())))

        states = await to_thread.run_sync(read)
        file.unlink()
        return states


def _refused(problem: str) -> HostError:
    hint = "is this builder what it should be? --engine embedded needs none"
    return HostError(Diagnostic("bad-export", f"what the builder exports is refused: {problem}", hint=hint))


def _only(found: Mapping[str, Export]) -> Export:
    for export in found.values():
        return export
    raise HostError(Diagnostic("bad-export", "the builder exported no image"))
