"""Walks a plan with builders: what our records know is done at once, every other image is one solve.

The counterpart of `solve.drive` for an engine that is given whole targets: same decisions' data, same events.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from bake.engine.buildkit.board import Board
from bake.engine.buildkit.build import Build
from bake.engine.buildkit.choice import Candidate, Work, platforms_run, prefixes
from bake.engine.buildkit.decide import Decider
from bake.engine.buildkit.images import Held, Images
from bake.engine.buildkit.pool import Pool
from bake.engine.buildkit.settings import BuildSettings
from bake.engine.buildkit.solve import BuilderBusy, BuilderLost
from bake.errors import BakeError, Diagnostic, StepFailed
from bake.events import Event
from bake.plan.outcome import Image, Plan
from bake.plan.placing import placed
from bake.plan.step import StepId
from bake.plan.tree import SCRATCH, StateId
from bake.ports.records import Parts
from bake.ports.store import Store
from bake.solve.capacity import Amount
from bake.solve.contents import Contents
from bake.solve.journal import Journal
from bake.solve.results import MadeImage, Solution, missing_source
from bake.solve.settings import Settings
from bake.solve.slots import Slots
from bake.solve.tasks import Tasks

_PAUSES_S = (0.5, 2.0, 6.0)
"""Seconds before an image whose builder was lost is tried again; then the loss is an error."""


class Walk:
    """One walk. Made for one call of `run`."""

    def __init__(
        self, plan: Plan, store: Store, contents: Contents, pool: Pool, tasks: Tasks, settings: Settings,
        emit: Callable[[Event], None], build_settings: BuildSettings,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.store = store
        self.settings = settings
        self.pool = pool
        self.states: dict[StepId, StateId] = {}
        self.errors: list[BakeError] = []
        self.on_state: Callable[[StepId, StateId], None] = lambda _step, _state: None
        self.journal = Journal(plan, emit)
        self._tasks = tasks
        self._slots = Slots(plan, settings.root, store.records)
        self._decider = Decider(plan, store, contents, self._slots, tuple(tasks.sensitive))
        self._decisions = self._decider.decide()
        self._images = Images(plan, store, self._decisions)
        self._board = Board(self.journal, plan.steps, self._decider.why)
        self._how = build_settings
        self._made: dict[tuple[str, str], MadeImage] = {}
        self._needs: dict[tuple[str, str], list[StepId]] = {}
        self._demands: dict[StepId, Amount] = {}
        self._parts: dict[StepId, Parts] = {}
        self._order = {id: at for at, id in enumerate(plan.steps)}
        self._done: dict[str, anyio.Event] = {}
        self._left: dict[str, int] = {}

    def made(self, image: Image) -> MadeImage | None:
        """The layers of an image; None while it is not made."""
        return self._made.get(_id(image))

    async def run(self) -> Solution:
        """Builds every image that is asked for. Failures of steps end up in the solution; others are raised."""
        images = [image for image in self.plan.images if image.target in self.plan.requested]
        self._left = {name: len(self.plan.image_of(name)) for name in self.plan.requested}
        self._done = {name: anyio.Event() for name in self.plan.requested}
        try:
            todo = [image for image in images if not self._is_refused(image) and not self._is_known(image)]
            if todo and not (self.errors and not self.settings.keep_going):
                await self._build_all(todo)
        finally:
            self._leave_rest()
            self._images.flush()
            self._visit()
            self.pool.tally(self._board.tallies)
            with anyio.CancelScope(shield=True):
                await self.pool.close()
        return Solution(self.states, self.journal.reports, tuple(self.errors))

    # Deciding

    def _is_refused(self, image: Image) -> bool:
        """Whether a source of one of its steps is missing, which is told here."""
        bad = [step for step in self._needed(image) if step in self._decisions.missing]
        for id in bad:
            self._fail(id, missing_source(id, self.plan, self._decisions.missing[id]))
        return bool(bad)

    def _is_known(self, image: Image) -> bool:
        """Whether nothing of it must be built, which is told here."""
        needed = self._needed(image)
        wanted = self._how.wanted(image.target)
        held = Held(self._images.known(image))
        if held.layers is None and wanted == "files":
            held = Held(files=self._images.known_files(image))
        if (wanted != "nothing" and held == Held()) or any(id in self._decisions.misses for id in needed):
            return False
        for id in needed:
            self._board.end(id, "cached")
        self._finish(image, held)
        return True

    def _needed(self, image: Image) -> list[StepId]:
        """All steps that an image and its tests stand on, in plan order."""
        known = self._needs.get(_id(image))
        if known is None:
            wanted, todo = set[StepId](), [image.state, *image.tests]
            while todo:
                id = todo.pop()
                if id not in wanted:
                    wanted.add(id)
                    todo += self.plan.steps[id].inputs
            known = self._needs[_id(image)] = sorted(wanted, key=self._order.__getitem__)
        return known

    # Building

    async def _build_all(self, images: list[Image]) -> None:
        shared = prefixes({"\n".join(_id(image)): image.state for image in images}, self.plan.steps)
        works = [
            Work(name, prefix, platforms_run(self._needed(image), self.plan.steps, str(image.platform)))
            for image, (name, prefix) in zip(images, shared.items(), strict=True)
        ]
        chosen = self.pool.assign(self.settings.root, works)
        async with anyio.create_task_group() as group:
            for image, work in zip(images, works, strict=True):
                group.start_soon(self._build, image, work, chosen[work.name], group.cancel_scope)

    async def _build(self, image: Image, work: Work, first: Candidate, stop: anyio.CancelScope) -> None:
        for name in self.plan.targets[image.target].after:
            if name in self._done:
                await self._done[name].wait()
        try:
            self._finish(image, await self._tried(image, work, first))
        except BakeError as error:
            self._failed(image, error)
            if not self.settings.keep_going:
                stop.cancel()

    async def _tried(self, image: Image, work: Work, first: Candidate) -> Held:
        """Builds on the first builder; when that is lost on the next one, or there again when it is the only one."""
        candidate = first if not self.pool.is_dead(first) else self._next(work)
        for pause in _PAUSES_S:
            try:
                return await self._on(candidate, image)
            except BuilderLost as error:
                self._lost(candidate, image, error)
                following = self._next(work)
                if following is candidate:
                    await anyio.sleep(pause)
                candidate = following
        return await self._on(candidate, image)

    def _next(self, work: Work) -> Candidate:
        candidate = self.pool.next_for(work)
        if candidate is None:
            raise self.pool.none_for(work)
        return candidate

    async def _on(self, candidate: Candidate, image: Image) -> Held:
        steps = {id: self.plan.steps[id] for id in self._needed(image)}
        async with self.pool.use(candidate, self._demand(image)) as site:
            build = Build(site, image, steps, self._tasks, self._board, self._images, self._how)
            held = await build.run()
        seconds = {id: self.journal.reports[id].duration_s for id in steps if id in self.journal.reports}
        parts = {id: self._parts_of(id) for id in steps if id in self._decisions.parts}
        self._images.remember(image, held, seconds, parts)
        for id in steps:
            self._board.places.setdefault(id, candidate.addr)
            self._board.end(id, "cached")
        return held

    def _parts_of(self, id: StepId) -> Parts:
        """What is recorded of a step's key, made once for all images that share it."""
        if id not in self._parts:
            self._parts[id] = {**self._decisions.parts[id], **self._decider.files(self.plan.steps[id])}
        return self._parts[id]

    def _demand(self, image: Image) -> Amount:
        """Slots by its target's weight; memory and processors as the RUN step that takes most of them."""
        steps = [self._demand_of(id) for id in self._needed(image)]
        memory, cpus = (max((getattr(each, part) for each in steps), default=0.0) for part in ("memory", "cpus"))
        return Amount(self.plan.targets[image.target].weight, memory, cpus)

    def _demand_of(self, id: StepId) -> Amount:
        if id not in self._demands:  # asked for once an image, and made of all that share it
            self._demands[id] = self._tasks.demand(self.plan.steps[id])
        return self._demands[id]

    def _lost(self, candidate: Candidate, image: Image, error: BuilderLost) -> None:
        """Leaves a lost builder out if there is another one, and tells that an image is built again."""
        alone = len(self.pool.candidates) == 1 or isinstance(error, BuilderBusy)
        if not isinstance(error, BuilderBusy):
            self.pool.bury(candidate, error, for_good=not alone)
        where = "there" if alone else "on another builder"
        self._how.tell(Diagnostic("trying-again", f"'{image.target}' is tried again {where}: {error}", severity="info"))

    # Ending

    def _finish(self, image: Image, held: Held) -> None:
        layers = held.layers or ()
        top = layers[-1] if layers else SCRATCH
        self._made[_id(image)] = MadeImage(
            self._images.completed(image), layers, top, held.layers is not None, held.files
        )
        self._left[image.target] -= 1
        if not self._left[image.target]:
            self._done[image.target].set()
        for id in (image.state, *image.tests):
            self.states[id] = top
        for id in (image.state, *image.tests):
            self.on_state(id, top)

    def _failed(self, image: Image, error: BakeError) -> None:
        failed = getattr(error, "step", None)
        self._done[image.target].set()
        if failed is not None:
            self._fail(failed, error)
        elif error not in self.errors:
            self.errors.append(error)
        for id in self._needed(image):
            if id not in self._board.ended and id not in self._board.owners:
                self._board.end(id, "skipped")

    def _fail(self, id: StepId, error: BakeError) -> None:
        origins = self.plan.origins.get(id, ())
        error.diagnostics = tuple(placed(diagnostic, origins) for diagnostic in error.diagnostics)
        code = error.exit_code_of_step if isinstance(error, StepFailed) else None
        if id not in self._board.ended:
            self.errors.append(error)
        self._board.end(id, "failed", 0.0, code)

    def _leave_rest(self) -> None:
        for id in self.plan.steps:
            if id in self._decisions.keys and id not in self._board.ended:
                self._board.end(id, "cancelled")

    def _visit(self) -> None:
        keys = self._decisions.keys
        ends = self.journal.reports
        self._slots.visit({id: key for id, key in keys.items() if id in ends and ends[id].status in ("cached", "run")})


def _id(image: Image) -> tuple[str, str]:
    return image.target, str(image.platform)
