"""One image on one builder: lowered, its tests and itself solved, its layers taken into the store (`exports`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from shlex import quote
from typing import Any
from uuid import uuid4

import anyio

from bake.engine.buildkit.board import Board
from bake.engine.buildkit.bundle import Bundle
from bake.engine.buildkit.capabilities import BuilderCannot
from bake.engine.buildkit.collect import Export
from bake.engine.buildkit.exports import Exports
from bake.engine.buildkit.failure import unwritten
from bake.engine.buildkit.foreign import Foreign
from bake.engine.buildkit.gateway import Answer, Gateway, Question
from bake.engine.buildkit.images import Held, Images
from bake.engine.buildkit.llb import Output
from bake.engine.buildkit.lower import Lowering
from bake.engine.buildkit.services.filesend import FileSend
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.settings import BuildSettings
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderLost, Caches, Solve, Wish
from bake.engine.buildkit.status import Update
from bake.engine.buildkit.timing import Deadlines
from bake.errors import BakeError, Diagnostic, InputError, StepError, StepFailed
from bake.oci.model import ImageConfig
from bake.plan.outcome import Image
from bake.plan.step import ExecOp, FrontendOp, SecretMount, SshMount, Step, StepId
from bake.plan.tree import SCRATCH, StateId
from bake.ports.task import Task
from bake.solve.tasks import Tasks


class Build:
    """Made for one call of `run`. `steps`: all that the image and its tests stand on."""

    def __init__(
        self, site: Site, image: Image, steps: Mapping[StepId, Step], tasks: Tasks, board: Board, images: Images,
        settings: BuildSettings,
    ) -> None:  # fmt: skip
        self._site = site
        self._image = image
        self._steps = steps
        self._tasks = tasks
        self._board = board
        self._images = images
        self._settings = settings
        self._exports = Exports(site, image, images, settings, self._solve)
        self._states: Mapping[StepId, StateId] = defaultdict(lambda: SCRATCH)
        self._low = Lowering(
            steps, self._given, site.caps, settings.platform, self._secret_id, self._agent_id, settings.shown,
            site.selections,
        )  # fmt: skip
        self._secrets, self._agents = site.secrets, site.agents
        self._foreign = Foreign(steps, self._given, settings.store.layers.scratch, site.selections)
        self._bundles = {step.id: Bundle(board, step, site.address.text) for step in self._foreign.needed()}
        self._session: Session | None = None

    async def run(self) -> Held:
        """What is wanted of the image, in the store.

        Raises StepError with `.step` set, HostError, RemoteError.
        """
        return await (self._with_frontends() if self._bundles else self._run())

    async def _with_frontends(self) -> Held:
        """Runs the front ends first, in the session in which all that they asked for is built then."""
        async with self._opened():
            await self._compile()
            held = await self._run()
        if held.layers is None:
            self._images.told(self._image)
        return held

    async def configs(self) -> Mapping[StepId, ImageConfig]:
        """What the front ends say of their images; nothing is built but what they need to say it. Raises as `run`."""
        async with self._opened():
            await self._compile()
        return self._foreign.configs

    def _opened(self) -> Session:
        tasks = [self._task(bundle.step) for bundle in self._bundles.values()]
        for task in tasks:
            self._board.journal.hide(task.step, task.secrets.values())
        self._secrets = self._site.secrets.over({id: value for task in tasks for id, value in task.secrets.items()})
        self._agents = self._site.agents.over({id: path for task in tasks for id, path in task.ssh.items()})
        self._exports.file = self._settings.store.layers.scratch() / "export"
        send = FileSend(self._exports.file)
        self._session = self._foreign.session(self._site, self._secrets, self._agents, send.methods())
        return self._session

    async def _compile(self) -> None:
        assert self._session is not None
        await self._foreign.run(self._low, self._session, self._ask)
        for id, bundle in self._bundles.items():
            result = self._low.state(id)
            parts = frozenset(digest for digest, steps in self._low.parts.items() if id in steps)
            bundle.holds(parts, result.digest if result is not None else "")
            self._images.remember_config(id, self._foreign.configs[id])

    async def _run(self) -> Held:
        final = self._low.state(self._image.state)
        tests = [self._low.state(test) for test in self._image.tests]
        self._site.sync.sources |= self._low.sent
        caches = await self._caches()
        for test in tests:
            if test is not None:
                await self._solve(self._wish(test, caches))
        if final is None:
            self._images.told(self._image, Export(()))
            return Held(())
        wish = self._wish(final, caches)
        held = await self._exports.take(wish, self._settings.wanted(self._image.target))
        await self._exports.offer(wish)
        return held

    # Lowering

    def _given(self, id: StepId) -> Any:
        return self._tasks.input(id, self._states)

    def _task(self, step: Step) -> Task:
        return self._tasks.task(step, self._states)

    def _secret_id(self, step: Step, mount: SecretMount) -> str:
        value = self._task(step).secrets.get(mount.id)
        if value is None and mount.required:
            hint = f'give it with secret = [{{ id = "{mount.id}", … }}] in the target'
            raise _at(StepError(Diagnostic("missing-secret", f"secret {mount.id}: not found", hint=hint)), step)
        self._board.journal.hide(step, self._task(step).secrets.values())
        return self._secrets.add(mount.id, value)

    def _agent_id(self, step: Step, mount: SshMount) -> str:
        socket = self._task(step).ssh.get(mount.id)
        if socket is None and mount.required:
            hint = "start ssh-agent, or name its socket in the target's ssh key"
            raise _at(StepError(Diagnostic("missing-ssh", f"ssh agent {mount.id}: not found", hint=hint)), step)
        return self._agents.add(mount.id, socket)

    # Solving

    async def _caches(self) -> Caches:
        """Those that the builder reads and writes while it builds."""
        caches = self._settings.caches(self._image.target)
        if caches.exports and not await self._site.is_whole():
            caches = replace(caches, exports=())
        return caches

    def _wish(self, output: Output, caches: Caches) -> Wish:
        entitlements = sorted({each for step in self._steps.values() for each in _entitlements(step)})
        return Wish(
            self._low.graph.definition(output),
            self._session or self._site.session,
            entitlements=tuple(entitlements),
            internal=True,
            caches=caches,
        )

    async def _solve(self, wish: Wish) -> None:
        """Solves, as often as the failing step's targets allow (`retries`)."""
        tries = 0
        while True:
            builder = await self._site.open()
            ref = uuid4().hex
            solve = Solve(builder, ref, wish, self._teller(ref), self._step_of)
            try:
                await self._timed(solve)
                for bundle in self._bundles.values():
                    bundle.end()
                if solve.unwritten:
                    self._settings.tell(
                        replace(unwritten(self._site.address.text, solve.unwritten), severity="warning")
                    )
                return
            except BakeError as error:
                step = solve.failed
                if self._site.sync.problems:
                    raise _changed(self._site.sync.problems[0]) from None
                if isinstance(error, BuilderLost):
                    self._board.interrupted(ref, str(error))
                if isinstance(error, BuilderCannot):
                    step = step or self._needing(error.missing)
                    raise (_at(error, step) if step else error) from None
                if step is None:
                    raise
                if tries >= self._tasks.retries(step):
                    if step.id in self._bundles:  # the step is many; which of them failed, its last lines tell
                        self._board.journal.say(step)("stderr", str(error))
                    raise _at(error, step) from None
                tries += 1
                self._board.journal.say(step)("progress", f"{error}; trying again")
            finally:
                self._board.release(ref)

    def _needing(self, missing: str) -> Step | None:
        """The first step that needs what a builder cannot, or does not allow."""
        if missing in self._low.needing:
            return self._steps[self._low.needing[missing]]
        runs = ((step, step.op) for step in self._steps.values() if isinstance(step.op, ExecOp))
        asked = (step for step, op in runs if missing in (f"network.{op.network}", f"security.{op.security}"))
        return next(asked, None)

    async def _timed(self, solve: Solve) -> None:
        """Solves; a RUN that takes longer than its targets allow ends it."""
        with anyio.CancelScope() as scope:
            self._deadlines = Deadlines(scope, self._tasks.timeout)
            try:
                await solve.run()
                return
            finally:
                self._deadlines.close()
        step = self._deadlines.expired
        assert step is not None
        solve.failed = step
        what = f"process {quote(' '.join(step.op.args))}" if isinstance(step.op, ExecOp) else "its front end"
        message = f"{what} did not finish within {self._tasks.timeout(step):g} s"
        raise StepFailed(Diagnostic("step-timeout", message), None)

    def _teller(self, ref: str) -> Callable[[str, Update], None]:
        def tell(digest: str, update: Update) -> None:
            steps = self._low.digests.get(digest, [])
            for id in steps:
                self._deadlines.take(self._steps[id], update)
            self._board.take(ref, steps, update, self._site.address.text)
            for id in self._low.parts.get(digest, ()):
                first = self._bundles[id].take(ref, digest, update)
                if first and id == self._image.state:
                    self._deadlines.take(self._steps[id], update)

        return tell

    async def _ask(self, step: Step, question: Question) -> Answer:
        """Runs a front end."""
        builder = await self._site.open()
        try:
            return await Gateway(builder, uuid4().hex, question, self._bundles[step.id].overhear, step).ask()
        except BuilderLost:
            raise
        except BakeError as error:
            if self._site.sync.problems:
                raise _changed(self._site.sync.problems[0]) from None
            raise _at(error, step) from None

    def _step_of(self, digest: str) -> Step | None:
        """The step that a vertex is, or that it works for; of a front end's image all do."""
        for id in (*self._low.digests.get(digest, ()), *self._low.parts.get(digest, ())):
            return self._steps[id]
        return self._steps[self._image.state] if self._image.state in self._bundles else None


def _entitlements(step: Step) -> tuple[str, ...]:
    """What a step asks for."""
    match step.op:
        case ExecOp() as op:
            host = ("network.host",) if op.network == "host" else ()
            return (*host, *(("security.insecure",) if op.security == "insecure" else ()))
        case FrontendOp() as op:
            return op.entitlements
    return ()


def _changed(problem: str) -> InputError:
    hint = "build again when nothing writes there"
    return InputError(Diagnostic("context-changed", f"cannot send {problem}", hint=hint))


def _at(error: BakeError, step: Step) -> BakeError:
    error.step = step.id  # type: ignore[attr-defined]
    return error
