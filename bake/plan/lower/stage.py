"""One stage of one target while its instructions are lowered, and what it is when they all are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import msgspec

from bake.dockerfile.forms import place_of, word_hint
from bake.dockerfile.instructions import Instruction
from bake.errors import Diagnostic, InputError, Span
from bake.oci.model import History, ImageConfig, RunConfig
from bake.oci.platform import Platform
from bake.plan.graph import Graph
from bake.plan.origin import Origin, Word
from bake.plan.outcome import HistoryLine, LayerRef
from bake.plan.step import Ambient, CopyAction, Operation, StepId
from bake.spec.target import Target
from bake.words import WordError, expand, expand_words

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHELL = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Lowered:
    """A finished stage. `env` is the config's, `scope` also holds ARG values.

    `args`: the declared ARGs in order, each with its value if that is one which only the history shows.
    """

    step: StepId
    platform: Platform
    config: ImageConfig
    env: dict[str, str]
    scope: dict[str, str]
    args: dict[str, str | None]
    layers: tuple[LayerRef, ...]
    history: tuple[History | HistoryLine, ...]
    onbuild: tuple[str, ...] = ()
    epoch: int | None = None
    """SOURCE_DATE_EPOCH, of a target's final stage."""
    opaque: StepId | None = None
    """The front end's step whose image this is, with a config that is not known yet but for what overrides it."""


class World(Protocol):
    """What an instruction may ask for beyond its own stage; the compiler is one."""

    graph: Graph
    target: Target
    platform: Platform
    escape: str
    build_args: dict[str, str]
    global_scope: dict[str, str]
    ambient: Ambient
    epoch: int | None

    def context(self) -> StepId:
        """The main build context."""

    def source(self, name: str, stage: StageBuilder, span: Span, numeric: bool) -> StepId:
        """The state or tree that `--from=name` or a mount's `from` means."""

    def reads(self, source: StepId, action: CopyAction, span: Span | None = None) -> None:
        """Notes that `action` reads from `source`, named at `span`, so that its files get hashed."""


class StageBuilder:
    """The state that instructions change, one after the other."""

    def __init__(self, world: World, base: Lowered, index: int, name: str, uncached: bool) -> None:
        self.world = world
        self.index = index
        self.name = name or str(index)
        self.uncached = uncached
        self.base = base
        self.step = base.step
        self.platform = base.platform
        self.config = base.config.config
        self.author = base.config.author
        self.env = dict(base.env)
        self.scope = {**base.scope, **base.env}
        self.args = dict(base.args)
        self.layers = list(base.layers)
        self.history: list[History | HistoryLine] = list(base.history)
        self.onbuild: list[str] = []
        self.cmd_given = False
        self.ordinal = 0

    def set(self, **changes: object) -> None:
        """Changes fields of the run config."""
        self.config = msgspec.structs.replace(self.config, **changes)

    def note(self, created_by: str) -> None:
        """A history entry without a layer."""
        self.history.append(HistoryLine(created_by))

    def layer(
        self,
        op: Operation,
        inputs: tuple[StepId, ...],
        instruction: Instruction,
        label: str,
        created_by: str,
        worker: StepId | None = None,
        words: tuple[Word, ...] = (),
    ) -> None:
        """A step that makes the stage's next layer: graph node, history entry and origin.

        `worker` is the step that does the work where that is another one (`--link`: the copy below the merge). `words`
        are those of the instruction that the step may fail over.
        """
        graph = self.world.graph
        step = graph.add(op, inputs, str(self.platform), self.world.ambient, self.uncached)
        self.ordinal += 1
        self.step = step
        self.layers.append(LayerRef(step))
        self.history.append(HistoryLine(created_by, step))
        graph.stands_for(worker or step, self.origin(label, instruction.span, words))

    def origin(self, label: str, span: Span, words: tuple[Word, ...] = ()) -> Origin:
        on, of = str(self.platform), str(self.world.platform)
        label = " ".join(label.split())[:400]
        return Origin(self.world.target.name, on, self.name, self.ordinal, label, span, of if of != on else "", words)

    def word(self, text: str, span: Span) -> str:
        """`text` expanded to one word with the stage's variables. Raises InputError at `span`."""
        try:
            return expand(text, self.scope, escape=self.world.escape).text
        except WordError as error:
            raise _failed(text, error, span) from None

    def words(self, text: str, span: Span) -> list[str]:
        """`text` expanded and split on blanks."""
        try:
            return list(expand_words(text, self.scope, escape=self.world.escape).words)
        except WordError as error:
            raise _failed(text, error, span) from None

    @property
    def workdir(self) -> str:
        return self.config.working_dir or "/"

    @property
    def shell(self) -> tuple[str, ...]:
        return self.config.shell or DEFAULT_SHELL

    def finish(self) -> Lowered:
        config = msgspec.structs.replace(
            self.base.config,
            author=self.author,
            config=msgspec.structs.replace(
                self.config,
                env=tuple(f"{name}={value}" for name, value in self.env.items()) or None,
                on_build=tuple(self.onbuild) or None,
            ),
        )
        return Lowered(
            self.step, self.platform, config, self.env, self.scope, self.args,
            tuple(self.layers), tuple(self.history), tuple(self.onbuild),
        )  # fmt: skip


def _failed(text: str, error: WordError, span: Span) -> InputError:
    message = f'failed to process "{text}": {error}'
    return InputError(Diagnostic("bad-substitution", message, place_of(span, text), word_hint(message)))


def env_of(config: RunConfig) -> dict[str, str]:
    """Variables of a config; PATH is added where it is missing (dockerfile.md §6)."""
    pairs = [item.partition("=") for item in config.env or ()]
    env = {name: value for name, _, value in pairs}
    env.setdefault("PATH", DEFAULT_PATH)
    return env
