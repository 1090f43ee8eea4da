"""The solves that one image takes: tried again as its targets allow, stopped in time, told of step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from shlex import quote
from uuid import uuid4

import anyio

from bake.engine.buildkit.board import Board
from bake.engine.buildkit.bundle import Bundle
from bake.engine.buildkit.capabilities import BuilderCannot
from bake.engine.buildkit.failure import at_step, context_changed, unwritten
from bake.engine.buildkit.lower import Lowering
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderLost, Solve, Wish
from bake.engine.buildkit.status import Update
from bake.engine.buildkit.timing import Deadlines
from bake.errors import BakeError, Diagnostic, StepFailed
from bake.plan.outcome import Image
from bake.plan.step import ExecOp, Step, StepId
from bake.solve.tasks import Tasks


@dataclass
class Attempts:
    """`low` says which step a vertex is; `bundles`: steps that are many vertexes, by id; `tell` takes warnings."""

    site: Site
    image: Image
    steps: Mapping[StepId, Step]
    low: Lowering
    tasks: Tasks
    board: Board
    bundles: Mapping[StepId, Bundle]
    tell: Callable[[Diagnostic], None]
    _deadlines: Deadlines = field(init=False)

    async def solve(self, wish: Wish) -> None:
        """Solves, as often as the failing step's targets allow (`retries`)."""
        tries = 0
        while True:
            builder = await self.site.open()
            ref = uuid4().hex
            solve = Solve(builder, ref, wish, self._teller(ref), self._step_of)
            try:
                await self._timed(solve)
                for bundle in self.bundles.values():
                    bundle.end()
                if solve.unwritten:
                    self.tell(replace(unwritten(self.site.address.text, solve.unwritten), severity="warning"))
                return
            except BakeError as error:
                step = solve.failed
                if self.site.sync.problems:
                    raise context_changed(self.site.sync.problems[0]) from None
                if isinstance(error, BuilderLost):
                    self.board.interrupted(ref, str(error))
                if isinstance(error, BuilderCannot):
                    step = step or self._needing(error.missing)
                    raise (at_step(error, step) if step else error) from None
                if step is None:
                    raise
                if tries >= self.tasks.retries(step):
                    if step.id in self.bundles:  # the step is many; which of them failed, its last lines tell
                        self.board.journal.say(step)("stderr", str(error))
                    raise at_step(error, step) from None
                tries += 1
                self.board.journal.say(step)("progress", f"{error}; trying again")
            finally:
                self.board.release(ref)

    def _needing(self, missing: str) -> Step | None:
        """The first step that needs what a builder cannot, or does not allow."""
        if missing in self.low.needing:
            return self.steps[self.low.needing[missing]]
        runs = ((step, step.op) for step in self.steps.values() if isinstance(step.op, ExecOp))
        asked = (step for step, op in runs if missing in (f"network.{op.network}", f"security.{op.security}"))
        return next(asked, None)

    async def _timed(self, solve: Solve) -> None:
        """Solves; a RUN that takes longer than its targets allow ends it."""
        with anyio.CancelScope() as scope:
            self._deadlines = Deadlines(scope, self.tasks.timeout)
            try:
                await solve.run()
                return
            finally:
                self._deadlines.close()
        step = self._deadlines.expired
        assert step is not None
        solve.failed = step
        what = f"process {quote(' '.join(step.op.args))}" if isinstance(step.op, ExecOp) else "its front end"
        message = f"{what} did not finish within {self.tasks.timeout(step):g} s"
        raise StepFailed(Diagnostic("step-timeout", message), None)

    def _teller(self, ref: str) -> Callable[[str, Update], None]:
        def tell(digest: str, update: Update) -> None:
            steps = self.low.digests.get(digest, [])
            for id in steps:
                self._deadlines.take(self.steps[id], update)
            self.board.take(ref, steps, update, self.site.address.text)
            for id in self.low.parts.get(digest, ()):
                first = self.bundles[id].take(ref, digest, update)
                if first and id == self.image.state:
                    self._deadlines.take(self.steps[id], update)

        return tell

    def _step_of(self, digest: str) -> Step | None:
        """The step that a vertex is, or that it works for; of a front end's image all do."""
        for id in (*self.low.digests.get(digest, ()), *self.low.parts.get(digest, ())):
            return self.steps[id]
        return self.steps[self.image.state] if self.image.state in self.bundles else None
