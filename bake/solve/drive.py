"""Walks the plan: decides each step when its inputs are known, runs what must run, as many at once as allowed.

`bake build` gives it an engine, `bake plan` none; everything else, and above all every decision, is the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

import anyio

from bake.errors import BakeError, LostLayer, StepFailed
from bake.events import Event
from bake.oci.reference import parse_reference
from bake.plan.key import key_of
from bake.plan.outcome import Image, Plan
from bake.plan.placing import placed
from bake.plan.reason import Why
from bake.plan.select import SourceMissing
from bake.plan.step import SOURCES, ImageOp, MergeOp, ScratchOp, Step, StepId
from bake.plan.tree import SCRATCH, StateId, state_of_images
from bake.ports.engine import Engine
from bake.ports.layers import Layer
from bake.ports.records import NotYet, Parts, Record
from bake.ports.store import Store
from bake.solve.capacity import Amount
from bake.solve.contents import Contents, Unread
from bake.solve.evidence import Evidence
from bake.solve.frontier import Frontier, critical_path
from bake.solve.journal import Journal
from bake.solve.results import MadeImage, Solution, made_image, missing_source
from bake.solve.settings import Settings
from bake.solve.slots import Slots
from bake.solve.tasks import Tasks
from bake.solve.turns import Missed, Turns

Emit = Callable[[Event], None]


class Drive:
    """One walk. Made for one call of `run`."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        contents: Contents,
        engine: Engine | None,
        tasks: Tasks,
        settings: Settings,
        emit: Emit,
    ) -> None:
        self.plan = plan
        self.store = store
        self.contents = contents
        self.engine = engine
        self.tasks = tasks
        self.settings = settings
        self.journal = Journal(plan, emit)
        self.states: dict[StepId, StateId] = {}
        self.errors: list[BakeError] = []
        self.lost: LostLayer | None = None
        """Why the walk ended early: a layer that a decision stands on is gone. Walk again, and its step runs."""
        self.keys: dict[StepId, str] = {}
        self.on_state: Callable[[StepId, StateId], None] = lambda _step, _state: None
        self._inputs = {
            step.id: (*step.inputs, *settings.after.get(step.id, frozenset())) for step in plan.steps.values()
        }
        self._frontier = Frontier(self._inputs)
        self._slots = Slots(plan, settings.root, store.records)
        self._evidence = Evidence(plan, store.records, contents, self._slots, self.states, tasks.sensitive)
        self._adopted: dict[str, Parts] = {}
        self._under_way: dict[str, list[Step]] = {}
        self._turns = Turns(Amount(settings.jobs, settings.memory, settings.cpus))
        self._urgency: dict[StepId, float] | None = None
        self._running = 0
        self._stopped = False
        self._wake = anyio.Event()

    async def run(self) -> Solution:
        """Decides every step. Step failures end up in the solution; other errors are raised."""
        try:
            async with anyio.create_task_group() as group:
                while True:
                    self._advance(group)
                    if self._stopped:
                        group.cancel_scope.cancel()
                    if not self._running:
                        break
                    self._wake = anyio.Event()
                    await self._wake.wait()
        finally:
            self._leave_rest()
            self._visit()
        return Solution(self.states, self.journal.reports, tuple(self.errors))

    def made(self, image: Image) -> MadeImage | None:
        """The layers of an image; None while one is not made."""
        return made_image(self.plan, image, self.states)

    @property
    def _ending(self) -> bool:
        """Whether nothing more is started; what runs goes on to its end unless a step failed."""
        return self._stopped or self.lost is not None

    # Deciding

    def _advance(self, group: anyio.abc.TaskGroup) -> None:
        """Decides all that can be decided now, and starts what must run while there are free jobs."""
        while self._frontier and not self._ending:
            step = self.plan.steps[self._frontier.pop()]
            try:
                self._take(step)
            except SourceMissing as error:
                self._failed(step, missing_source(step.id, self.plan, error), None)
            except Unread as unread:
                if self.engine is None:
                    self._unknown(step)
                else:
                    self._after(partial(self.engine.ensure, unread.state, self.journal.say(step)), step, group)
            except NotYet as wait:
                self._after(wait.fetch, step, group)
        while self.engine is not None and not self._ending and (missed := self._turns.next()) is not None:
            self._running += 1
            group.start_soon(self._run, missed, self.engine)

    def _take(self, step: Step) -> None:
        if isinstance(step.op, SOURCES):
            self._done(step, self._source_state(step))
        elif any(i not in self.states and not self.plan.steps[i].is_source for i in step.inputs):
            self._unknown(step)
        elif isinstance(step.op, MergeOp):
            base, top = (self.states[i] for i in step.inputs)
            self._done(step, self.store.layers.alias(base, top).state)
        else:
            self._decide(step)

    def _source_state(self, step: Step) -> StateId | None:
        if isinstance(step.op, ScratchOp):
            return SCRATCH
        if not isinstance(step.op, ImageOp):
            return None
        state = state_of_images(step.op.diff_ids)[-1]
        if self.store.layers.layer(state) is None:
            repository = parse_reference(step.op.reference).repository
            self.store.layers.add_image(step.op.diff_ids, step.op.layers, repository, 0.0)
        return state

    def _decide(self, step: Step) -> None:
        """A hit is done at once, a miss is queued with its reason."""
        parts = self._evidence.parts(step)
        key = key_of(parts)
        self.keys[step.id] = key
        record = None if step.uncached else self.store.records.lookup(key)
        if record is not None:
            if record.origin and self.store.records.parts(key) is None:
                self._adopted[key] = {**parts, **self._evidence.files(step)}
            self._cached(step, record.state)
        elif key in self._under_way:
            self._join(step, key)
        else:
            self._miss(Missed(step, key, parts, self._evidence.why(step, key, parts), self.tasks.demand(step)))

    # Running

    def _miss(self, missed: Missed) -> None:
        if self._urgency is None:
            self._urgency = self._urgencies()
            self._frontier.order_by(self._urgency.__getitem__)
        self._under_way[missed.key] = []
        if self.engine is None:
            self.journal.ended(missed.step, "run", missed.why)
            self._frontier.finish(missed.step.id)
            return
        self._turns.add(missed, self._urgency[missed.step.id])

    def _join(self, step: Step, key: str) -> None:
        """A step with the same key is queued or running: this one takes its result."""
        if self.engine is not None:
            self._under_way[key].append(step)
            return
        self.journal.ended(step, "cached")
        self._frontier.finish(step.id)

    def _urgencies(self) -> dict[StepId, float]:
        """A step that never ran counts as one of a second, one that no target names as nothing."""
        costs = {**dict.fromkeys(self.plan.origins, 1.0), **self._slots.last_durations()}
        return critical_path(self._inputs, lambda step: costs.get(step, 0.0))

    async def _run(self, missed: Missed, engine: Engine) -> None:
        step, started = missed.step, monotonic()
        try:
            self.journal.started(step, missed.why, started)
            async with self.store.records.claim(missed.key):
                record = None if step.uncached else self.store.records.lookup(missed.key)
                if record is None:
                    state = await self._made(missed, engine, started)
                else:
                    state = record.state
                    self._cached(step, state)
            for twin in self._under_way.pop(missed.key):
                self._cached(twin, state)
        except LostLayer as error:
            self.lost = error
        except BakeError as error:
            self._failed(step, error, started, missed.why)
            for twin in self._under_way.pop(missed.key, []):
                self._failed(twin, error, started, missed.why)
        except anyio.get_cancelled_exc_class():
            self.journal.ended(step, "cancelled", missed.why, started)
            raise
        finally:
            self._turns.end(missed)
            self._running -= 1
            self._wake.set()

    async def _made(self, missed: Missed, engine: Engine, started: float) -> StateId:
        step = missed.step
        layer = await self._tried(step, engine)
        record = Record(missed.key, layer.state, layer.created, monotonic() - started)
        self.store.records.remember(record, {**missed.parts, **self._evidence.files(step)})
        self.journal.ended(step, "run", missed.why, started, size=layer.size)
        self._done(step, layer.state)
        return layer.state

    async def _tried(self, step: Step, engine: Engine) -> Layer:
        """Runs the step, again after a failure as often as its targets allow (`retries`)."""
        task, say = self.tasks.task(step, self.states), self.journal.say(step)
        self.journal.hide(step, task.secrets.values())
        for left in range(self.tasks.retries(step), 0, -1):
            try:
                return await engine.run(task, say)
            except StepFailed as error:
                say("progress", f"{error}; trying again, {left} {'tries' if left > 1 else 'try'} left")
        return await engine.run(task, say)

    def _after(self, fetch: Callable[[], Awaitable[None]], step: Step, group: anyio.abc.TaskGroup) -> None:
        """Decides a step again when something that its key or its reason needs has been fetched."""
        self._running += 1
        group.start_soon(self._fetch, fetch, step)

    async def _fetch(self, fetch: Callable[[], Awaitable[None]], step: Step) -> None:
        try:
            await fetch()
            self._frontier.again(step.id)
        except LostLayer as error:
            self.lost = error
        except BakeError as error:
            self._failed(step, error, None)
        finally:
            self._running -= 1
            self._wake.set()

    # Ending

    def _done(self, step: Step, state: StateId | None) -> None:
        if state is not None:
            self.states[step.id] = state
        self._frontier.finish(step.id)
        if state is not None:
            self.on_state(step.id, state)

    def _cached(self, step: Step, state: StateId) -> None:
        self.journal.ended(step, "cached")
        self._done(step, state)

    def _unknown(self, step: Step) -> None:
        self.journal.ended(step, "unknown")
        self._frontier.finish(step.id)

    def _failed(self, step: Step, error: BakeError, started: float | None, why: Why | None = None) -> None:
        origins = self.plan.origins.get(step.id, ())
        error.diagnostics = tuple(placed(diagnostic, origins) for diagnostic in error.diagnostics)
        if error not in self.errors:
            self.errors.append(error)
        code = error.exit_code_of_step if isinstance(error, StepFailed) else None
        self.journal.ended(step, "failed", why, started, code)
        for other in self._frontier.close(step.id):
            self.journal.ended(self.plan.steps[other], "skipped")
        if not self.settings.keep_going:
            self._stopped = True
        self._wake.set()

    def _leave_rest(self) -> None:
        for step in () if self.lost else self._frontier.unfinished:
            if step not in self.journal.reports:
                self.journal.ended(self.plan.steps[step], "cancelled")

    def _visit(self) -> None:
        """Notes which key each slot had, so that the next miss there can be explained."""
        if self.engine is None:
            return
        self._slots.visit({step: key for step, key in self.keys.items() if step in self.states}, self._adopted)
