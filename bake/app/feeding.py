"""Hands images to the delivery while a walk is still under way: what is made goes up while other targets build."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

from anyio.abc import TaskGroup

from bake.app.delivery import Delivery
from bake.app.jobs import Job
from bake.errors import BakeError
from bake.image.form import Compression
from bake.plan.outcome import Image, Plan
from bake.plan.step import StepId
from bake.plan.tree import StateId
from bake.solve.results import MadeImage, Solution

Commit = Callable[[Delivery], Awaitable[None]]
_Rows = list[tuple[Image, tuple[StateId, ...]]]


class Walk(Protocol):
    """What takes a plan to its end; both engines have one."""

    on_state: Callable[[StepId, StateId], None]

    @property
    def states(self) -> Mapping[StepId, StateId]: ...

    async def run(self) -> Solution: ...

    def made(self, image: Image) -> MadeImage | None: ...


class Feeder:
    """Hands images to the delivery as soon as all their layers are made."""

    def __init__(
        self,
        group: TaskGroup,
        delivery: Delivery,
        jobs: Mapping[str, tuple[Job, ...]],
        plan: Plan,
        walk: Walk,
        errors: list[BakeError],
        commit: Commit | None,
    ) -> None:
        """`errors` takes what fails; `commit` publishes a target as soon as it is sent, None leaves that to the end."""
        self._group = group
        self._delivery = delivery
        self._walk = walk
        self._errors = errors
        self._commit = commit
        self.ready: Callable[[tuple[Image, ...]], object] = lambda _images: None
        """Told of a target's images when all of them are made, before anything of them is sent."""
        self._jobs = dict(jobs)
        self._images = {name: plan.image_of(name) for name in jobs}
        self._forms: dict[StepId, dict[tuple[Compression, int | None], None]] = {}
        for name, job in ((name, job) for name, rows in jobs.items() for job in rows if not job.plain):
            for image in self._images[name]:
                form = job.form.compression, job.form.latest_file(image)
                for ref in (ref for ref in image.layers if ref.index < 0):
                    self._forms.setdefault(ref.step, {})[form] = None

    def on_state(self, step: StepId, state: StateId) -> None:
        for form in self._forms.get(step, ()):
            self._group.start_soon(self._archive, state, *form)
        for name, images in list(self._images.items()):
            needed = {needed for image in images for needed in (image.state, *image.tests)}
            if step in needed and needed <= self._walk.states.keys():
                del self._images[name]
                self.ready(images)
                self._group.start_soon(self._send, self._jobs[name], images)

    async def _archive(self, state: StateId, compression: Compression, epoch: int | None) -> None:
        with suppress(BakeError):  # met again, and reported, when the image is sent
            await self._delivery.documents.archives.info(state, compression, epoch)

    async def _send(self, jobs: tuple[Job, ...], images: tuple[Image, ...]) -> None:
        rows = [(made.image, made.states) for image in images if (made := self._walk.made(image)) is not None]
        try:
            if self._commit is None:
                await _send_all(self._delivery, jobs, rows)
            else:
                await self._at_once(self._commit, jobs, rows)
        except BakeError as error:
            self._errors.append(error)

    async def _at_once(self, commit: Commit, jobs: tuple[Job, ...], rows: _Rows) -> None:
        alone = self._delivery.alone()
        try:
            await _send_all(alone, jobs, rows)
            await commit(alone)
        finally:
            self._delivery.absorb(alone)


async def _send_all(delivery: Delivery, jobs: tuple[Job, ...], rows: _Rows) -> None:
    for job in jobs:
        await delivery.send(job, rows)
