"""Needs → Facts: everything that is still to be known, asked at once (DESIGN §1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from bake.errors import BakeError, Diagnostic, Span
from bake.gather.archives import member_text, whole_text
from bake.gather.git_program import NO_LOGIN, Login
from bake.gather.images import ImageSource, image_fact
from bake.gather.pins import Pins
from bake.gather.scan import read_texts, scan
from bake.oci.digest import is_digest
from bake.plan.facts import Facts, GitFact, ImageFact, ImageQuery, Needs, UrlFact
from bake.plan.remote import MEMBER
from bake.plan.step import GitOp, HttpOp
from bake.ports.store import Store

_Remote = tuple[dict[ImageQuery, ImageFact], dict[HttpOp, UrlFact], dict[GitOp, GitFact]]


class Answers:
    """Answers questions of one run; an answer once given stays the same for the run."""

    def __init__(
        self,
        store: Store,
        images: Callable[[], ImageSource],
        warn: Callable[[Diagnostic], None],
        pins: Pins | None = None,
        login: Callable[[GitOp, Iterable[str]], Login] = lambda _op, _targets: NO_LOGIN,
    ) -> None:
        """`login`: what opens a repository, for the names of the targets that read it."""
        self._store = store
        self._images = images
        self._warn = warn
        self._pins = pins or Pins()
        self._login = login

    async def answer(self, needs: Needs, facts: Facts) -> Facts:
        """`facts` with every open question answered. Raises InputError or RemoteError."""
        for warning in self._pins.check(needs):
            self._warn(warning)
        images, urls, gits = await self._remote(needs)
        trees = {op: scan(op, actions, self._store.files) for op, actions in needs.trees.items()}
        return replace(
            facts,
            texts={**facts.texts, **self._texts(needs.texts)},
            trees={**facts.trees, **trees},
            images={**facts.images, **images},
            urls={**facts.urls, **urls},
            gits={**facts.gits, **gits},
        )

    def _texts(self, keys: Iterable[str]) -> Mapping[str, str | None]:
        """Files of this host, and those in downloaded archives."""
        archived = [key for key in keys if MEMBER in key and is_digest(key.partition(MEMBER)[0])]
        found = dict(read_texts(key for key in keys if key not in archived))
        return found | {key: self._archived(*key.split(MEMBER, 1)) for key in archived}

    def _archived(self, digest: str, path: str) -> str | None:
        blob = self._store.blobs.path(digest)
        if blob is None:
            return None
        return member_text(blob, path) if path else whole_text(blob)

    async def _remote(self, needs: Needs) -> _Remote:
        images: dict[ImageQuery, ImageFact] = {}
        urls: dict[HttpOp, UrlFact] = {}
        gits: dict[GitOp, GitFact] = {}
        if not needs.images and not needs.urls and not needs.gits:
            return images, urls, gits
        import anyio
        from anyio import to_thread

        from bake.gather.git import git_fact
        from bake.gather.layouts import is_layout, layout_fact
        from bake.gather.urls import url_fact

        async def image(query: ImageQuery) -> None:
            if is_layout(query):
                images[query] = await to_thread.run_sync(layout_fact, query, self._store)
                return
            pinned = self._pins.image(query)
            images[query] = await image_fact(query, self._images(), self._store.files, self._warn, pinned)

        async def url(op: HttpOp, pull: bool) -> None:
            ask = partial(url_fact, op, self._store, self._warn, self._pins.url(op), pull)
            with _at(needs.places.get(op)):
                urls[op] = await to_thread.run_sync(ask, abandon_on_cancel=True)

        async def git(op: GitOp, pull: bool) -> None:
            login = self._login(op, needs.askers.get(op, ()))
            ask = partial(git_fact, op, self._store, self._warn, self._pins.git(op), pull, login)
            with _at(needs.places.get(op)):
                gits[op] = await to_thread.run_sync(ask, abandon_on_cancel=True)

        try:
            async with anyio.create_task_group() as group:
                for query in needs.images:
                    group.start_soon(image, query)
                for op, pull in needs.urls.items():
                    group.start_soon(url, op, pull)
                for source, pull in needs.gits.items():
                    group.start_soon(git, source, pull)
        except BaseExceptionGroup as problems:
            raise problems.exceptions[0] from None
        return images, urls, gits


@contextmanager
def _at(span: Span | None) -> Iterator[None]:
    """What goes wrong within is told at `span`."""
    try:
        yield
    except BakeError as error:
        error.diagnostics = tuple(diagnostic.at(span) for diagnostic in error.diagnostics)
        raise
