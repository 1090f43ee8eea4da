"""One image on one builder: lowered, its tests and itself solved, its layers taken into the store (`exports`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from bake.engine.buildkit.attempts import Attempts
from bake.engine.buildkit.board import Board
from bake.engine.buildkit.bundle import Bundle
from bake.engine.buildkit.collect import Export
from bake.engine.buildkit.exports import Exports
from bake.engine.buildkit.failure import at_step, context_changed
from bake.engine.buildkit.foreign import Foreign
from bake.engine.buildkit.gateway import Answer, Gateway, Question
from bake.engine.buildkit.images import Held, Images
from bake.engine.buildkit.llb import Output
from bake.engine.buildkit.lower import Lowering
from bake.engine.buildkit.services.filesend import FileSend
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.settings import BuildSettings
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderLost, Caches, Wish
from bake.errors import BakeError, Diagnostic, StepError
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
        self._states: Mapping[StepId, StateId] = defaultdict(lambda: SCRATCH)
        self._low = Lowering(
            steps, self._given, site.caps, settings.platform, self._secret_id, self._agent_id, settings.shown,
            site.selections,
        )  # fmt: skip
        self._secrets, self._agents = site.secrets, site.agents
        self._foreign = Foreign(steps, self._given, settings.store.layers.scratch, site.selections)
        self._bundles = {step.id: Bundle(board, step, site.address.text) for step in self._foreign.needed()}
        self._attempts = Attempts(site, image, steps, self._low, tasks, board, self._bundles, settings.tell)
        self._exports = Exports(site, image, images, settings, self._attempts.solve)
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
                await self._attempts.solve(self._wish(test, caches))
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
            raise at_step(StepError(Diagnostic("missing-secret", f"secret {mount.id}: not found", hint=hint)), step)
        self._board.journal.hide(step, self._task(step).secrets.values())
        return self._secrets.add(mount.id, value)

    def _agent_id(self, step: Step, mount: SshMount) -> str:
        socket = self._task(step).ssh.get(mount.id)
        if socket is None and mount.required:
            hint = "start ssh-agent, or name its socket in the target's ssh key"
            raise at_step(StepError(Diagnostic("missing-ssh", f"ssh agent {mount.id}: not found", hint=hint)), step)
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

    async def _ask(self, step: Step, question: Question) -> Answer:
        """Runs a front end."""
        builder = await self._site.open()
        try:
            return await Gateway(builder, uuid4().hex, question, self._bundles[step.id].overhear, step).ask()
        except BuilderLost:
            raise
        except BakeError as error:
            if self._site.sync.problems:
                raise context_changed(self._site.sync.problems[0]) from None
            raise at_step(error, step) from None


def _entitlements(step: Step) -> tuple[str, ...]:
    """What a step asks for."""
    match step.op:
        case ExecOp() as op:
            host = ("network.host",) if op.network == "host" else ()
            return (*host, *(("security.insecure",) if op.security == "insecure" else ()))
        case FrontendOp() as op:
            return op.entitlements
    return ()
