"""Front ends below an image: each is run on the builder, and what it makes is put into the graph of our own steps.

A front end asks for directories by names that every one of them uses (`context`, `dockerfile`), and its LLB names the
session it was run in; so an image that needs one has a session of its own, which also answers for all else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bake.engine.buildkit.gateway import Answer, Question
from bake.engine.buildkit.lower import Lowering
from bake.engine.buildkit.selections import Selections
from bake.engine.buildkit.sent import Sent, SentFile, source_identity
from bake.engine.buildkit.services.filesync import FileSync
from bake.engine.buildkit.services.secrets import Secrets
from bake.engine.buildkit.services.ssh import Agents
from bake.engine.buildkit.session import Method, Session
from bake.engine.buildkit.site import Site
from bake.errors import Diagnostic, StepError
from bake.oci.documents import decode_config
from bake.oci.model import ImageConfig
from bake.oci.reference import parse_reference
from bake.plan.step import FrontendOp, Step, StepId
from bake.plan.tree import Entry
from bake.ports.task import Input

Run = Callable[[Step, Question], Awaitable[Answer]]
"""Runs a front end for its step. Raises as `Gateway.ask` does."""


@dataclass
class Foreign:
    """The front ends that one image stands on. `scratch` makes an empty directory, for texts that are to be sent."""

    steps: Mapping[StepId, Step]
    given: Callable[[StepId], Input]
    scratch: Callable[[], Path]
    selections: Selections
    configs: dict[StepId, ImageConfig] = field(default_factory=dict)

    def needed(self) -> list[Step]:
        """In the order in which they are to be run."""
        return [step for step in self.steps.values() if isinstance(step.op, FrontendOp)]

    def session(self, site: Site, secrets: Secrets, agents: Agents, send: Mapping[str, Method]) -> Session:
        """A session that gives these front ends what is theirs, and everybody else what they always get."""
        sync = FileSync()
        sync.sources, sync.problems = site.sync.sources, site.sync.problems
        for step in self.needed():
            sync.directories |= self._directories(step)
        methods = {**site.methods(), **sync.methods(), **secrets.methods(), **agents.methods(), **send}
        return Session(site.builder, methods, self._key(site))

    def _key(self, site: Site) -> str:
        """The builder keeps its last copy of a directory under it: one for each set of contexts."""
        sources = [source_identity(self.steps[i]) for step in self.needed() for i in step.inputs if self._sent(i)]
        return hashlib.sha256(json.dumps([site.shared_key, *sources]).encode()).hexdigest()[:16]

    def _sent(self, id: StepId) -> bool:
        return self.steps[id].is_source

    def _directories(self, step: Step) -> dict[str, Sent]:
        op = step.op
        assert isinstance(op, FrontendOp)
        found = {"dockerfile": self._text(op)}
        for given, id in zip(op.given, step.inputs, strict=True):
            if given.kind == "local":
                sent, _ = self.selections.subtree(self.steps[id], self.given(id), "/")
                found[given.name or "context"] = sent
        return found

    def _text(self, op: FrontendOp) -> Sent:
        """The directory of the Dockerfile, which holds nothing else: what is read there shows in no key."""
        name, data = dict(op.options)["filename"], op.text.encode()
        digest = hashlib.sha256(data).hexdigest()
        file = self.scratch() / digest
        file.write_bytes(data)
        return Sent("dockerfile", (SentFile(name, Entry("f", 0o644, size=len(data), digest=digest), str(file)),))

    async def run(self, low: Lowering, session: Session, run: Run) -> None:
        """Runs them all; what they make stands in `low` for their steps then, in `configs` what they say of it."""
        for step in self.needed():
            answer = await run(step, self._question(step, low, session))
            self.configs[step.id] = _config(answer.config)
            low.embed(step, answer.definition)

    def _question(self, step: Step, low: Lowering, session: Session) -> Question:
        op = step.op
        assert isinstance(op, FrontendOp)
        options = {**dict(op.options), "source": _source(op)}
        inputs: dict[str, bytes] = {}
        for given, id in zip(op.given, step.inputs, strict=True):
            if given.kind != "state":
                continue
            state = low.state(id)
            if state is None:
                options[f"context:{given.name}"] = "docker-image://scratch"
                continue
            inputs[given.name] = low.graph.definition(state)
            config = base64.b64encode(given.config.encode()).decode()
            options[f"input-metadata:{given.name}"] = json.dumps({"containerimage.config": config})
        if any(name.startswith("context:") for name in options):
            options["frontend.caps"] = "moby.buildkit.frontend.contexts"
        return Question(session, options, inputs)


def _config(data: bytes) -> ImageConfig:
    try:
        return decode_config(data)
    except ValueError as error:
        message = f"the front end tells no config of an image: {error}"
        raise StepError(Diagnostic("frontend-failed", message, hint="ask its authors")) from None


def _source(op: FrontendOp) -> str:
    return f"{parse_reference(op.reference).repository}@{op.manifest}"
