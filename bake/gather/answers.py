"""Needs → Facts: everything that is still to be known, asked at once (DESIGN §1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bake.errors import Diagnostic, HostError
from bake.gather.images import ImageSource, image_fact
from bake.gather.pins import Pins
from bake.gather.scan import read_texts, scan
from bake.plan.facts import Facts, ImageFact, ImageQuery, Needs, UrlFact
from bake.plan.step import HttpOp
from bake.ports import Store


class Answers:
    """Answers questions of one run; an answer once given stays the same for the run."""

    def __init__(
        self,
        store: Store,
        images: Callable[[], ImageSource],
        warn: Callable[[Diagnostic], None],
        pins: Pins | None = None,
    ) -> None:
        self._store = store
        self._images = images
        self._warn = warn
        self._pins = pins or Pins()

    async def answer(self, needs: Needs, facts: Facts) -> Facts:
        """`facts` with every open question answered. Raises InputError or RemoteError."""
        for warning in self._pins.check(needs):
            self._warn(warning)
        if needs.gits:
            url = next(iter(needs.gits)).url
            raise HostError(
                Diagnostic("no-git-source", f"git sources are not supported yet: {url}", hint="ADD a file or URL")
            )
        images, urls = await self._remote(needs)
        trees = {op: scan(op, actions, self._store.files) for op, actions in needs.trees.items()}
        return replace(
            facts,
            texts={**facts.texts, **read_texts(needs.texts)},
            trees={**facts.trees, **trees},
            images={**facts.images, **images},
            urls={**facts.urls, **urls},
        )

    async def _remote(self, needs: Needs) -> tuple[dict[ImageQuery, ImageFact], dict[HttpOp, UrlFact]]:
        images: dict[ImageQuery, ImageFact] = {}
        urls: dict[HttpOp, UrlFact] = {}
        if not needs.images and not needs.urls:
            return images, urls
        import anyio
        from anyio import to_thread

        from bake.gather.urls import url_fact

        async def image(query: ImageQuery) -> None:
            pinned = self._pins.image(query)
            images[query] = await image_fact(query, self._images(), self._store.files, self._warn, pinned)

        async def url(op: HttpOp) -> None:
            pinned = self._pins.url(op)
            urls[op] = await to_thread.run_sync(url_fact, op, self._store, self._warn, pinned, abandon_on_cancel=True)

        try:
            async with anyio.create_task_group() as group:
                for query in needs.images:
                    group.start_soon(image, query)
                for op in needs.urls:
                    group.start_soon(url, op)
        except BaseExceptionGroup as problems:
            raise problems.exceptions[0] from None
        return images, urls
