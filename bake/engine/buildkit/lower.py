"""Steps → LLB, one function for each kind of operation. Pure but for the size of downloaded files.

A state of ours is an output of theirs; sources that live on this host become `local://` sources with just the files
that a step reads (`sent`). Each layer step ends in one vertex, by whose digest a builder tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from posixpath import basename
from typing import Any

import msgspec

from bake.dockerfile.mode import parse_mode
from bake.engine.buildkit import mounts
from bake.engine.buildkit.llb import Graph, Output, State
from bake.engine.buildkit.sent import Placed, Sent, send_copies, send_subtree
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.oci.reference import parse_reference
from bake.plan.select import split_parents
from bake.plan.step import (
    CopyAction,
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
from bake.ports import Input

_INLINE = 0o644
KEEP = -1
"""A mode or a time that stays as it is; 0 would set it."""


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
    graph: Graph = field(default_factory=Graph)
    sent: dict[str, Sent] = field(default_factory=dict)
    digests: dict[str, list[StepId]] = field(default_factory=dict)
    """Digest → the layer steps that it stands for."""
    _made: dict[StepId, State] = field(default_factory=dict)

    def state(self, id: StepId) -> State:
        """The output of a step, lowered with all that it needs. Raises SourceMissing."""
        todo = [id]
        while todo:
            at = todo[-1]
            step = self.steps[at]
            missing = [i for i in step.inputs if i not in self._made and not _is_sent(self.steps[i])]
            if missing and at not in self._made:
                todo += missing
                continue
            todo.pop()
            if at not in self._made:
                self._made[at] = LOWER[type(step.op)](self, step)
                self._note(step, self._made[at])
        return self._made[id]

    def _note(self, step: Step, made: State) -> None:
        if made is not None and not step.is_source:
            self.digests.setdefault(made.digest, []).append(step.id)

    def add(self, step: Step, inputs: Iterable[Output], *, caps: Iterable[str] = (), **operation: Any) -> Output:
        """The vertex that is the step itself."""
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
        sent, at = send_subtree(self.given(source.id), path, identity(source))
        return self.local(sent, step), at


def identity(source: Step) -> str:
    """Names a source of this host: the same from run to run, whatever it holds."""
    return msgspec.json.encode(source.op).decode()


def _is_sent(step: Step) -> bool:
    return step.is_source and not isinstance(step.op, ImageOp | ScratchOp | WriteOp)


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
    made = MESSAGES.MakeDir(path=op.path, mode=op.mode, parents=True, owner=_owner(op.owner, base))
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
    copy = _copy_all(Placed("/", True), "/")
    action = MESSAGES.FileAction(input=0, secondary=1, output=0, copy=copy)
    return low.add(step, [base, top], file=MESSAGES.FileOp(actions=[action]))


def _copy(low: Lowering, step: Step) -> State:
    op = step.op
    assert isinstance(op, CopyOp)
    copies = _Copies(low, step, low.input(step, 0))
    for number in dict.fromkeys(action.input for action in op.actions):
        copies.take(number, [a for a in op.actions if a.input == number])
    return copies.done(op.actions)


class _Copies:
    """The actions of one file operation: each goes on from the one before."""

    def __init__(self, low: Lowering, step: Step, base: State) -> None:
        self._low, self._step, self._base = low, step, base
        self._inputs: list[Output] = [] if base is None else [base]
        self._ready: dict[int, list[tuple[int, Any]]] = {}
        self._caps: set[str] = set()

    def take(self, number: int, actions: list[CopyAction]) -> None:
        """Notes the copies that actions on one input come to, as (input of the source, message)."""
        low, step = self._low, self._step
        if low.is_sent(step, number):
            source = low.steps[step.inputs[number]]
            sent, places = send_copies(low.given(source.id), actions, identity(source))
            at = self._number(low.local(sent, step))
            rows = [[(at, self._from_place(a, p)) for p in found] for a, found in zip(actions, places, strict=True)]
        else:
            state = low.input(step, number)
            at = -1 if state is None else self._number(state)
            inline = isinstance(low.steps[step.inputs[number]].op, WriteOp)
            rows = [[(at, self._from_inline(a) if inline else self._from_state(a))] for a in actions]
        for action, row in zip(actions, rows, strict=True):
            self._ready[id(action)] = row

    def _number(self, output: Output) -> int:
        if output not in self._inputs:
            self._inputs.append(output)
        return self._inputs.index(output)

    def _from_place(self, action: CopyAction, place: Placed) -> Any:
        copy = _copy_all(place, action.dest)
        copy.unpack = action.unpack
        if action.mode.isdecimal():
            copy.mode = int(action.mode, 8)
        return self._owned(copy, action)

    def _from_inline(self, action: CopyAction) -> Any:
        """An inline file's name is no pattern."""
        copy = _copy_all(Placed(action.source, False), action.dest)
        if action.mode:
            copy.mode = parse_mode(action.mode).apply(_INLINE, False)
        return self._owned(copy, action)

    def _from_state(self, action: CopyAction) -> Any:
        copy = _copy_all(Placed(action.source, True), action.dest)
        copy.follow, copy.wildcard, copy.empty_ok, copy.unpack = True, True, True, action.unpack
        if action.parents:
            base, pattern = split_parents(action.source)
            copy.src, copy.include[:] = "/" + base, [pattern]
        copy.exclude[:] = action.exclude
        if action.parents or action.exclude:
            self._caps.add("file.copy.includeexcludepatterns")
        if action.mode.isdecimal():
            copy.mode = int(action.mode, 8)
        elif action.mode:
            copy.mode_text = action.mode
            self._caps.add("file.copy.modestring")
        return self._owned(copy, action)

    def _owned(self, copy: Any, action: CopyAction) -> Any:
        owner = _owner(action.owner, self._base)
        if owner is not None:
            copy.owner.CopyFrom(owner)
        return copy

    def done(self, actions: Iterable[CopyAction]) -> State:
        rows = [row for action in actions for row in self._ready[id(action)]]
        if not rows:  # wildcards that matched nothing still make a layer
            rows = [(-1, _nothing())]
        made: list[Any] = []
        for number, (source, what) in enumerate(rows):
            before = (-1 if self._base is None else 0) if number == 0 else len(self._inputs) + number - 1
            action = MESSAGES.FileAction(input=before, secondary=source, output=0 if number == len(rows) - 1 else -1)
            (action.copy if isinstance(what, MESSAGES.CopyFile) else action.mkdir).CopyFrom(what)
            made.append(action)
        return self._low.add(self._step, self._inputs, caps=sorted(self._caps), file=MESSAGES.FileOp(actions=made))


def _nothing() -> Any:
    return MESSAGES.MakeDir(path="/", mode=0o755, parents=True, timestamp=KEEP)


def _copy_all(place: Placed, dest: str) -> Any:
    return MESSAGES.CopyFile(src=place.path, dest=dest, mode=KEEP, timestamp=KEEP, contents=place.contents, mkdest=True)


def _owner(text: str, base: State) -> Any:
    """`user[:group]`; names are looked up in the state that is written to, a user alone is its group too."""
    if not text:
        return None
    user, _, group = text.partition(":")
    found = MESSAGES.ChownOpt(user=_user(user, base))
    found.group.CopyFrom(_user(group or user, base))
    return found


def _user(text: str, base: State) -> Any:
    if text.isdecimal():
        return MESSAGES.UserOpt(by_id=int(text))
    if text == "root" and base is None:
        return MESSAGES.UserOpt(by_id=0)
    return MESSAGES.UserOpt(by_name=MESSAGES.NamedUser(name=text, input=0))


def _exec(low: Lowering, step: Step) -> State:
    return mounts.lower_exec(low, step)


def _write(low: Lowering, step: Step) -> State:
    assert isinstance(step.op, WriteOp)
    return low.written(step.op.files, "[internal] inline files")


LOWER: Mapping[type, Callable[[Lowering, Step], State]] = {
    ImageOp: _image, ScratchOp: _scratch, MkdirOp: _mkdir, MergeOp: _merge, CopyOp: _copy, ExecOp: _exec,
    WriteOp: _write,
}  # fmt: skip
