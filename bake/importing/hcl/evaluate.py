"""What an expression is worth, with every variable at its default.

It is lazy, as `try` and `? :` need it, and counts its work: a definition of a few lines can ask for ever more of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bake.errors import nearest
from bake.importing.hcl.bindings import NOTHING, Axis, Delayed, Env, Known, NeedsAxis
from bake.importing.hcl.convert import Mismatch, Value, kind, to_bool
from bake.importing.hcl.definitions import Definitions, Function, attributes
from bake.importing.hcl.nodes import Call, For, Node
from bake.importing.hcl.rules import RULES
from bake.importing.notes import Notes, Unsupported, fault

_WORK_LIMIT = 100_000
_DEPTH_LIMIT = 60
BUILT_IN: Mapping[str, str] = {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "local"}


class Evaluator:
    """`reads` collects the variables met: what depends on them is no longer variable once it is evaluated."""

    def __init__(self, definitions: Definitions, notes: Notes) -> None:
        self.definitions = definitions
        self.notes = notes
        self.reads: dict[str, None] = {}
        self._work = 0
        self._key = ""
        self._depth = 0
        self._open: list[str] = []
        self._known: dict[str, tuple[Value, dict[str, None]]] = {}

    def value(self, node: Node, env: Env = NOTHING) -> Value:
        """Raises InputError, NeedsAxis, Unsupported."""
        self.count(node)
        self._depth += 1
        try:
            if self._depth > _DEPTH_LIMIT:
                raise fault(self.notes.source, node.at, "this is nested too deeply", code="nested-too-deeply")
            return RULES[type(node)](self, node, env)
        except Mismatch as problem:
            raise fault(self.notes.source, node.at, str(problem), code="import-value") from None
        finally:
            self._depth -= 1

    def count(self, node: Node) -> None:
        """One step of work. Raises InputError for one too many since `start`."""
        self._work += 1
        if self._work > _WORK_LIMIT:
            raise fault(self.notes.source, node.at, "evaluating this takes too many steps", code="too-much-work")

    def start(self, key: str = "") -> None:
        """Another key begins: its work is counted anew."""
        self._work = 0
        self._key = key

    @contextmanager
    def reading(self) -> Iterator[dict[str, None]]:
        """The variables that are read inside."""
        outer, self.reads = self.reads, {}
        try:
            yield self.reads
        finally:
            outer.update(self.reads)
            self.reads = outer

    def bind(self, function: Function, call: Call, env: Env) -> Env:
        """The names that the result of a user's function sees."""
        args: list[Known | Delayed] = [Delayed(each, env) for each in call.args]
        if call.spread:
            last = self.value(call.args[-1], env)
            if not isinstance(last, list):
                raise fault(self.notes.source, call.at, f"`...` needs a list, not {kind(last)}")
            args[-1:] = [Known(each) for each in last]
        count = len(function.params)
        if len(args) < count or (len(args) > count and function.rest is None):
            message = f"function `{function.name}` takes {count} arguments, not {len(args)}"
            raise fault(self.notes.source, call.at, message, code="import-value")
        bound: dict[str, Known | Delayed | Axis] = dict(zip(function.params, args, strict=False))
        if function.rest is not None:
            bound[function.rest] = Known([self.of(each) for each in args[count:]])
        return bound

    def of(self, bound: Known | Delayed | Axis) -> Value:
        """The value of a bound name."""
        if isinstance(bound, Known):
            return bound.value
        if isinstance(bound, Delayed):
            return self.value(bound.node, bound.env)
        raise NeedsAxis(bound.name)

    def steps(self, node: For, env: Env) -> Iterator[Env]:
        """The names inside of a `for`, for each element that meets its condition."""
        source = self.value(node.source, env)
        if isinstance(source, dict):
            pairs: Sequence[tuple[Value, Value]] = sorted(source.items())
        elif isinstance(source, list):
            pairs = list(enumerate(source))
        else:
            raise fault(
                self.notes.source, node.source.at, f"`for` goes through a list or an object, not {kind(source)}"
            )
        for key, value in pairs:
            names = dict(zip(node.names, (key, value) if len(node.names) == 2 else (value,), strict=False))
            inner = {**env, **{name: Known(each) for name, each in names.items()}}
            if node.condition is None or self.truth(node.condition, inner):
                yield inner

    def truth(self, node: Node, env: Env) -> bool:
        """A condition. Raises InputError."""
        value = self.value(node, env)
        try:
            return to_bool(value)
        except Mismatch as problem:
            raise fault(self.notes.source, node.at, str(problem), code="import-value") from None

    def named(self, name: str, at: int) -> Value:
        """The value of a variable or a constant of the file."""
        if name in BUILT_IN:
            if name == "BAKE_LOCAL_PLATFORM":
                if self._key != "platforms":
                    message = f"{name} is another value on each machine"
                    raise Unsupported(at, message, "write the platform, or use BUILDPLATFORM in the Dockerfile")
                self.notes.add("built-in", at, f"{name} is written as `local`, which `platforms` understands")
            return BUILT_IN[name]
        variable = self.definitions.variables.get(name)
        constant = self.definitions.constants.get(name)
        if variable is None and constant is None:
            known = (*self.definitions.variables, *self.definitions.constants)
            hint = f"did you mean `{near}`?" if (near := nearest(name, known)) else None
            raise fault(self.notes.source, at, f"`{name}` is not defined", hint, "import-undefined")
        if name not in self._known:
            if name in self._open:
                circle = " → ".join([*self._open, name])
                raise fault(self.notes.source, at, f"these stand for each other: {circle}", code="variable-cycle")
            default = attributes(variable).get("default") if variable is not None else constant
            self._open.append(name)
            try:
                with self.reading() as reads:
                    typed = variable is not None and "type" in attributes(variable)
                    value = self.value(default.node) if default is not None else (None if typed else "")
            finally:
                self._open.pop()
            if variable is not None and not isinstance(value, list | dict):
                reads[name] = None  # lists and objects stay as they are, which is told once, where they are declared
            self._known[name] = value, reads
        value, met = self._known[name]
        self.reads.update(met)
        return value

    def raw(self, target: str, key: str, at: int) -> Value:
        """`target.NAME.KEY`: what the block itself says."""
        blocks = self.definitions.targets.get(target, [])
        found = [keys[key] for keys in map(attributes, blocks) if key in keys]
        mark = f"target.{target}.{key}"
        if not found or mark in self._open:
            why = "refers to itself" if found else "is not defined"
            raise fault(self.notes.source, at, f"`{mark}` {why}", code="import-undefined")
        self._open.append(mark)
        try:
            return self.value(found[-1].node)
        finally:
            self._open.pop()
