"""Steps → LLB, one function for each kind of operation. Pure but for the size of downloaded files.

A state of ours is an output of theirs; sources that live on this host become `local://` sources with just the files
that a step reads (`sent`). Each layer step ends in one vertex, by whose digest a builder tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename
from typing import Any

from bake.engine.buildkit import copies, mounts
from bake.engine.buildkit.copies import KEEP
from bake.engine.buildkit.llb import Graph, Output, State
from bake.engine.buildkit.selections import Selections
from bake.engine.buildkit.sent import Placed, Sent
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.oci.reference import parse_reference
from bake.plan.step import (
    CopyOp,
    ExecOp,
    ImageOp,
    MergeOp,
    MkdirOp,
    ScratchOp,
    SecretMount,
    SshMount,
    Step,
    StepId,
    WriteOp,
    WrittenFile,
)
from bake.ports.task import Input


@dataclass
class Lowering:
    """One graph for all targets of a run. `given`: what a source of this host holds; `caps`: what the builder can."""

    steps: Mapping[StepId, Step]
    given: Callable[[StepId], Input]
    caps: frozenset[str]
    platform: str
    secret_id: Callable[[Step, SecretMount], str] = lambda _step, mount: mount.id
    agent_id: Callable[[Step, SshMount], str] = lambda _step, mount: mount.id
    names: Mapping[StepId, str] = field(default_factory=dict)
    selections: Selections = field(default_factory=Selections)
    graph: Graph = field(default_factory=Graph)
    sent: dict[str, Sent] = field(default_factory=dict)
    digests: dict[str, list[StepId]] = field(default_factory=dict)
    """Digest → the layer steps that it stands for."""
    parts: dict[str, list[StepId]] = field(default_factory=dict)
    """Digest → the front ends' steps of which it is a part."""
    needing: dict[str, StepId] = field(default_factory=dict)
    """Capability → the first step that needs it: builders refuse a whole definition and name no step."""
    _made: dict[StepId, State] = field(default_factory=dict)

    def state(self, id: StepId) -> State:
        """The output of a step, lowered with all that it needs. Raises SourceMissing."""
        todo = [id]
        while todo:
            step = self.steps[todo[-1]]
            missing = [i for i in step.inputs if i not in self._made and not _is_sent(self.steps[i])]
            if missing and step.id not in self._made:
                todo += missing
                continue
            todo.pop()
            if step.id not in self._made:
                made = self._made[step.id] = LOWER[type(step.op)](self, step)
                self._note(step, made)
        return self._made[id]

    def embed(self, step: Step, definition: Any) -> None:
        """Takes what a front end made as the step's output."""
        self._made[step.id], new = self.graph.embed(definition, ignore_cache=step.uncached)
        for digest in new:
            self.parts.setdefault(digest, []).append(step.id)

    def _note(self, step: Step, made: State) -> None:
        if made is not None and not step.is_source:
            self.digests.setdefault(made.digest, []).append(step.id)

    def add(self, step: Step, inputs: Iterable[Output], *, caps: Iterable[str] = (), **operation: Any) -> Output:
        """The vertex that is the step itself."""
        caps = tuple(caps)
        for cap in caps:
            self.needing.setdefault(cap, step.id)
        digest = self.graph.add(
            inputs, step.platform or self.platform, name=self.names.get(step.id, ""), caps=caps,
            ignore_cache=step.uncached, **operation,
        )  # fmt: skip
        return Output(digest)

    def helper(self, inputs: Iterable[Output], platform: str, name: str, **operation: Any) -> Output:
        """A vertex that a step needs beside its own."""
        return Output(self.graph.add(inputs, platform or self.platform, name=name, **operation))

    def local(self, sent: Sent, step: Step) -> Output:
        """The `local://` source of files of this host."""
        self.sent[sent.name] = sent
        source = MESSAGES.SourceOp(
            identifier=f"local://{sent.name}", attrs={"local.sharedkeyhint": sent.name, "local.unique": "bake"}
        )
        return self.helper(
            (), self.platform, f"[internal] files for {self.names.get(step.id, 'a step')}", source=source
        )

    def written(self, files: Iterable[WrittenFile], name: str) -> Output:
        """A state that holds nothing but files given inline, each right below the root."""
        made: list[Any] = []
        for number, file in enumerate(files):
            data = file.data.encode("utf-8", "surrogateescape")
            mkfile = MESSAGES.MakeFile(path="/" + basename(file.path), mode=file.mode, data=data, timestamp=KEEP)
            made.append(MESSAGES.FileAction(input=number - 1, secondary=-1, output=-1, mkfile=mkfile))
        made[-1].output = 0
        return self.helper((), self.platform, name, file=MESSAGES.FileOp(actions=made))

    def input(self, step: Step, number: int) -> State:
        """The state that input `number` of a step is."""
        return self._made[step.inputs[number]]

    def is_sent(self, step: Step, number: int) -> bool:
        return _is_sent(self.steps[step.inputs[number]])

    def subtree(self, step: Step, number: int, path: str) -> tuple[State, str]:
        """What a mount shows of input `number`: a state and the path in it."""
        if not self.is_sent(step, number):
            return self.input(step, number), path or "/"
        source = self.steps[step.inputs[number]]
        sent, at = self.selections.subtree(source, self.given(source.id), path)
        return self.local(sent, step), at


def _is_sent(step: Step) -> bool:
    return step.is_source and not isinstance(step.op, _MADE_THERE)


_MADE_THERE = (ImageOp, ScratchOp, WriteOp)
"""Sources that a builder has or makes itself."""


def _image(low: Lowering, step: Step) -> State:
    op = step.op
    assert isinstance(op, ImageOp)
    if not op.diff_ids:
        return None
    name = parse_reference(op.reference).repository
    source = MESSAGES.SourceOp(identifier=f"docker-image://{name}@{op.manifest}")
    shown = f"FROM {op.reference}"
    return low.helper((), step.platform, shown, source=source)


def _scratch(_low: Lowering, _step: Step) -> State:
    return None


def _mkdir(low: Lowering, step: Step) -> State:
    op = step.op
    assert isinstance(op, MkdirOp)
    base = low.input(step, 0)
    made = MESSAGES.MakeDir(path=op.path, mode=op.mode, parents=True, owner=copies.owner_of(op.owner, base))
    made.timestamp = KEEP if op.epoch is None else op.epoch * 10**9
    action = MESSAGES.FileAction(input=-1 if base is None else 0, secondary=-1, output=0, mkdir=made)
    return low.add(step, [] if base is None else [base], file=MESSAGES.FileOp(actions=[action]))


def _merge(low: Lowering, step: Step) -> State:
    """`COPY --link`; builders without the operation copy the layer's files over, which comes to the same."""
    base, top = low.input(step, 0), low.input(step, 1)
    if base is None or top is None:
        return top if base is None else base
    if "mergeop" in low.caps:
        merged = MESSAGES.MergeOp(inputs=[MESSAGES.MergeInput(input=0), MESSAGES.MergeInput(input=1)])
        return low.add(step, [base, top], caps=["mergeop"], merge=merged)
    copy = copies.copy_of(Placed("/", True), "/")
    action = MESSAGES.FileAction(input=0, secondary=1, output=0, copy=copy)
    return low.add(step, [base, top], file=MESSAGES.FileOp(actions=[action]))


def _copy(low: Lowering, step: Step) -> State:
    return copies.lower_copy(low, step)


def _exec(low: Lowering, step: Step) -> State:
    return mounts.lower_exec(low, step)


def _write(low: Lowering, step: Step) -> State:
    assert isinstance(step.op, WriteOp)
    return low.written(step.op.files, "[internal] inline files")


LOWER: Mapping[type, Callable[[Lowering, Step], State]] = {
    ImageOp: _image, ScratchOp: _scratch, MkdirOp: _mkdir, MergeOp: _merge, CopyOp: _copy, ExecOp: _exec,
    WriteOp: _write,
}  # fmt: skip
