"""COPY and ADD → one file operation: a chain of copies, each going on from the one before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bake.dockerfile.mode import parse_mode
from bake.engine.buildkit.capabilities import SYMBOLIC_MODES
from bake.engine.buildkit.llb import Output, State
from bake.engine.buildkit.sent import Placed
from bake.engine.buildkit.wire.messages import MESSAGES
from bake.plan.select import split_parents
from bake.plan.step import CopyAction, CopyOp, Step, WriteOp

if TYPE_CHECKING:
    from bake.engine.buildkit.lower import Lowering

_INLINE = 0o644
KEEP = -1
"""A mode or a time that stays as it is; 0 would set it."""


def lower_copy(low: Lowering, step: Step) -> State:
    """A COPY or ADD as one file operation. Raises SourceMissing."""
    op = step.op
    assert isinstance(op, CopyOp)
    made = _Copies(low, step, low.input(step, 0))
    for number in dict.fromkeys(action.input for action in op.actions):
        made.take(number, [a for a in op.actions if a.input == number])
    return made.done(op.actions)


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
            sent, places = low.selections.copies(source, low.given(source.id), actions)
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
        copy = copy_of(place, action.dest)
        copy.unpack = action.unpack
        if action.mode.isdecimal():
            copy.mode = int(action.mode, 8)
        return self._owned(copy, action)

    def _from_inline(self, action: CopyAction) -> Any:
        """An inline file's name is no pattern."""
        copy = copy_of(Placed(action.source, False), action.dest)
        if action.mode:
            copy.mode = parse_mode(action.mode).apply(_INLINE, False)
        return self._owned(copy, action)

    def _from_state(self, action: CopyAction) -> Any:
        copy = copy_of(Placed(action.source, True), action.dest)
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
            self._caps.add(SYMBOLIC_MODES)
        return self._owned(copy, action)

    def _owned(self, copy: Any, action: CopyAction) -> Any:
        owner = owner_of(action.owner, self._base)
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


def copy_of(place: Placed, dest: str) -> Any:
    """A copy that keeps modes, owners and times."""
    return MESSAGES.CopyFile(src=place.path, dest=dest, mode=KEEP, timestamp=KEEP, contents=place.contents, mkdest=True)


def owner_of(text: str, base: State) -> Any:
    """`user[:group]`; names are looked up in the state that is written to, a user alone is its group too.

    `user:` has group 0, as with BuildKit's own front end (engine.embedded.owner has the rules).
    """
    if not text:
        return None
    user, colon, group = text.partition(":")
    found = MESSAGES.ChownOpt(user=_user(user, base))
    found.group.CopyFrom(_user(group if colon else user, base))
    return found


def _user(text: str, base: State) -> Any:
    if not text:
        return MESSAGES.UserOpt(by_id=0)
    if text.isdecimal() and int(text) < 1 << 31:
        return MESSAGES.UserOpt(by_id=int(text))
    if text == "root" and base is None:
        return MESSAGES.UserOpt(by_id=0)
    return MESSAGES.UserOpt(by_name=MESSAGES.NamedUser(name=text, input=0))
