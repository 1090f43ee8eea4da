"""Runs a front end on a builder: a text of its language becomes LLB and the config of an image.

The front end is an image itself; the builder runs it (`gateway.v0`) for a solve of ours that waits meanwhile, in the
way that reference/buildkit-grpc.md §4 tells. Nothing need be built for it but what it reads while it compiles.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bake.engine.buildkit.capabilities import refusal
from bake.engine.buildkit.client import BRIDGE, Builder
from bake.engine.buildkit.failure import frontend_failed
from bake.engine.buildkit.session import Session
from bake.engine.buildkit.solve import Solve, Tell, Wish
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.errors import BakeError
from bake.plan.step import FrontendOp, Step

_CONFIG = "containerimage.config"


@dataclass(frozen=True)
class Question:
    """What a front end is asked: its options by their names in the protocol, definitions of what it builds on."""

    session: Session
    options: Mapping[str, str]
    inputs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """LLB for one platform (no operations for an empty image), and the config as JSON."""

    definition: Any
    config: bytes


class Gateway(Solve):
    """One run of the front end that `step` needs. Made for one call of `ask`."""

    def __init__(self, builder: Builder, ref: str, question: Question, tell: Tell, step: Step) -> None:
        super().__init__(builder, ref, Wish(None, question.session, internal=True), tell, lambda _digest: step)
        assert isinstance(step.op, FrontendOp)
        self._question = question
        self._step, self._op = step, step.op

    async def ask(self) -> Answer:
        """Raises StepError with the front end's own text, RemoteError, BuilderCannot, BuilderLost."""
        result = (await self.run()).result
        refs = dict(result.refs.refs) if result.HasField("refs") else {"": result.ref}
        name, ref = next(iter(refs.items()), ("", MESSAGES.BridgeRef()))
        config = result.metadata.get(f"{_CONFIG}/{name}") or result.metadata.get(_CONFIG) or b"{}"
        if len(refs) > 1 or not isinstance(json.loads(config), dict):
            self.failed = self._step
            raise frontend_failed(f"it made {len(refs)} images where one was asked for", self._op)
        return Answer(ref.definition, config)

    async def _solve(self) -> Any:
        waiting = asyncio.create_task(super()._solve())
        request = MESSAGES.BridgeRequest(
            frontend="gateway.v0", options=dict(self._question.options), inputs=dict(self._question.inputs),
            allow_result_return=True, allow_result_array_ref=True,
        )  # fmt: skip
        metadata = {"buildkit-controlapi-buildid": self._ref}
        try:
            return await self._builder.call(BRIDGE + "Solve", request, MESSAGES.BridgeResponse, metadata)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    def _failure(self, text: str, said: str, code: int | None) -> BakeError:
        self.failed = self._step
        return refusal(text, self._builder.address.text) or frontend_failed(said or text, self._op, code)
