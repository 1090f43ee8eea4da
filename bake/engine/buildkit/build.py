"""One image on one builder: lowered, solved, its tests run, its layers taken into the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any
from uuid import uuid4

import anyio
import msgspec
from anyio import to_thread

from bake.engine.buildkit.board import Board
from bake.engine.buildkit.capabilities import BuilderCannot
from bake.engine.buildkit.collect import Keep, Taken, collect
from bake.engine.buildkit.docker import DockerApi
from bake.engine.buildkit.images import Images
from bake.engine.buildkit.llb import Output
from bake.engine.buildkit.lower import Lowering
from bake.engine.buildkit.offer import INLINE, offer
from bake.engine.buildkit.services.filesend import FileSend
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderLost, Caches, Solve, Wish
from bake.engine.buildkit.status import Update
from bake.engine.buildkit.timing import Deadlines
from bake.errors import BakeError, Diagnostic, HostError, InputError, StepError, StepFailed
from bake.plan.outcome import Image
from bake.plan.step import ExecOp, SecretMount, SshMount, Step, StepId
from bake.plan.tree import SCRATCH, StateId
from bake.ports import Store, Task
from bake.solve.tasks import Tasks


@dataclass(frozen=True)
class BuildSettings:
    """How images are built. All but `tell` take a target's name, or steps.

    `form`: (compression, level) of the layers that are taken in; `fetch`: whether they are wanted at all, and do not
    just stay in the builder; `caches`: those elsewhere that are read and written; `shown`: how a step is named.
    """

    store: Store
    platform: str
    form: Callable[[str], tuple[str, int]]
    fetch: Callable[[str], bool]
    caches: Callable[[str], Caches]
    tell: Callable[[Diagnostic], None]
    shown: Mapping[StepId, str]


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
            steps, self._given, site.caps, settings.platform, self._secret_id, self._agent_id, settings.shown
        )

    async def run(self) -> tuple[StateId, ...] | None:
        """The states of the image's layers, None when they stay in the builder.

        Raises StepError with `.step` set, HostError, RemoteError.
        """
        final = self._low.state(self._image.state)
        tests = [self._low.state(test) for test in self._image.tests]
        self._site.sync.sources |= self._low.sent
        for test in tests:
            if test is not None:
                await self._solve(self._wish(test))
        if final is None:
            return ()
        states: tuple[StateId, ...] | None = None
        if self._settings.fetch(self._image.target):
            states = await self._exported(final)
        else:
            await self._solve(self._wish(final))
        await self._offer(final)
        return states

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
        return self._site.secrets.add(mount.id, value)

    def _agent_id(self, step: Step, mount: SshMount) -> str:
        socket = self._task(step).ssh.get(mount.id)
        if socket is None and mount.required:
            hint = "start ssh-agent, or name its socket in the target's ssh key"
            raise _at(StepError(Diagnostic("missing-ssh", f"ssh agent {mount.id}: not found", hint=hint)), step)
        return self._site.agents.add(mount.id, socket)

    # Solving

    def _wish(self, output: Output, exporter: str = "", attrs: Mapping[str, str] | None = None) -> Wish:
        asked = [step.op for step in self._steps.values() if isinstance(step.op, ExecOp)]
        entitlements = (
            *(["network.host"] if any(op.network == "host" for op in asked) else []),
            *(["security.insecure"] if any(op.security == "insecure" for op in asked) else []),
        )
        caches = self._settings.caches(self._image.target)
        if caches.exports and not self._site.writes_caches:
            caches = replace(caches, exports=())
        return Wish(
            self._low.graph.definition(output), self._site.session, exporter, attrs or {}, entitlements, True, caches
        )

    async def _solve(self, wish: Wish) -> Mapping[str, str]:
        """Solves, as often as the failing step's targets allow (`retries`)."""
        tries = 0
        while True:
            builder = await self._site.open()
            ref = uuid4().hex
            solve = Solve(builder, ref, wish, self._teller(ref), self._step_of)
            try:
                return await self._timed(solve)
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

    async def _timed(self, solve: Solve) -> Mapping[str, str]:
        """Solves; a RUN that takes longer than its targets allow ends it."""
        with anyio.CancelScope() as scope:
            self._deadlines = Deadlines(scope, self._tasks.timeout)
            try:
                return await solve.run()
            finally:
                self._deadlines.close()
        step = self._deadlines.expired
        assert step is not None and isinstance(step.op, ExecOp)
        solve.failed = step
        message = f"process {quote(' '.join(step.op.args))} did not finish within {self._tasks.timeout(step):g} s"
        raise StepFailed(Diagnostic("step-timeout", message), None)

    def _teller(self, ref: str) -> Callable[[str, Update], None]:
        def tell(digest: str, update: Update) -> None:
            steps = self._low.digests.get(digest, [])
            for id in steps:
                self._deadlines.take(self._steps[id], update)
            self._board.take(ref, steps, update, self._site.address.text)

        return tell

    def _step_of(self, digest: str) -> Step | None:
        """The step that a vertex is, or that it works for."""
        for id in self._low.digests.get(digest, ()):
            return self._steps[id]
        return None

    # Exporting

    async def _exported(self, final: Output) -> tuple[StateId, ...]:
        if self._site.address.docker:
            return await self._from_docker(final)
        return await self._from_stream(final)

    def _keep(self) -> Keep:
        store = self._settings.store
        compression, level = self._settings.form(self._image.target)
        known = frozenset(self._images.base_diff_ids(self._image))
        return Keep(known, store.layers.scratch, store.blobs.adopt, compression, level)

    async def _offer(self, final: Output) -> None:
        """Writes the caches that the builder has not written while it built."""
        if self._site.writes_caches:
            return
        for row in self._settings.caches(self._image.target).exports:

            async def export(name: str) -> None:
                wish = self._wish(final, "moby", {"name": name, "containerimage.config": _config(self._image, name)})
                await self._solve(replace(wish, caches=replace(wish.caches, exports=(INLINE,))))

            problem = await offer(self._site, row, export)
            if problem is not None:
                self._settings.tell(problem)

    async def _from_docker(self, final: Output) -> tuple[StateId, ...]:
        """Into the Docker Engine under a passing name, out of it by its API unless the store has the layers."""
        name = f"bake-passing-{uuid4().hex}:1"
        attrs = {"name": name, "containerimage.config": _config(self._image, name)}
        await self._solve(self._wish(final, "moby", attrs))
        api = self._site.docker()

        def fetch() -> tuple[StateId, ...]:
            states = self._images.already(self._image, api.layers(name))
            if states is not None:
                return states
            with api.save([name]) as archive:
                return self._images.take_in(self._image, _only(collect(archive, self._keep())))

        try:
            return await to_thread.run_sync(fetch, abandon_on_cancel=True)
        finally:
            with anyio.move_on_after(5, shield=True):
                await self._drop(api, name)

    async def _drop(self, api: DockerApi, name: str) -> None:
        """What cannot be tidied up is no reason to lose what was built."""
        try:
            await to_thread.run_sync(api.drop, name)
        except HostError as error:
            message = f"the image {name} stays in the Docker Engine: {error}"
            hint = "remove it with docker rmi if it is still there"
            self._settings.tell(Diagnostic("builder-failed", message, hint=hint, severity="warning"))

    async def _from_stream(self, final: Output) -> tuple[StateId, ...]:
        """As an OCI archive through a session of its own, for streams do not say which solve they belong to."""
        file: Path = self._settings.store.layers.scratch() / "export"
        send = FileSend(file)
        builder = await self._site.open()
        async with Session(builder, {**self._site.methods(), **send.methods()}, self._site.shared_key) as session:
            attrs = {"containerimage.config": _config(self._image)}
            await self._solve(replace(self._wish(final, "oci", attrs), session=session))

        def read() -> tuple[StateId, ...]:
            with file.open("rb") as archive:
                return self._images.take_in(self._image, _only(collect(archive, self._keep())))

        states = await to_thread.run_sync(read)
        file.unlink()
        return states


def _only(found: Mapping[str, Sequence[Taken]]) -> Sequence[Taken]:
    for taken in found.values():
        return taken
    raise HostError(Diagnostic("bad-export", "the builder exported no image"))


def _config(image: Image, mark: str = "") -> str:
    """What the exporter needs; the image's own config is made from the plan, as for every engine.

    `mark` makes it another image than all others, as one that is dropped by a name would take its twins along.
    """
    return msgspec.json.encode(
        {
            "architecture": image.platform.arch,
            "os": image.platform.os,
            "rootfs": {"type": "layers", "diff_ids": []},
            "config": {"Labels": {"bake.passing": mark}} if mark else {},
        }
    ).decode()


def _changed(problem: str) -> InputError:
    hint = "build again when nothing writes there"
    return InputError(Diagnostic("context-changed", f"cannot send {problem}", hint=hint))


def _at(error: BakeError, step: Step) -> BakeError:
    error.step = step.id  # type: ignore[attr-defined]
    return error
