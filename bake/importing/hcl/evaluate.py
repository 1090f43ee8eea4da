"""What an expression is worth, with every variable at its default.

It is lazy, as `try` and `? :` need it, and counts its work: a definition of a few lines can ask for ever more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from bake.errors import InputError, nearest
from bake.importing.hcl.convert import Mismatch, Value, kind, to_bool, to_number, to_text
from bake.importing.hcl.definitions import Definitions, Function, attributes
from bake.importing.hcl.functions import CHANGING, FUNCTIONS
from bake.importing.hcl.functions.collections import index
from bake.importing.hcl.functions.numbers import BINARY
from bake.importing.hcl.functions.texts import limited
from bake.importing.hcl.nodes import (
    Binary,
    Call,
    Conditional,
    For,
    Index,
    Literal,
    Name,
    Node,
    Object,
    Splat,
    Template,
    Tuple,
    Unary,
)  # fmt: skip
from bake.importing.notes import Notes, Unsupported, fault

_WORK_LIMIT = 100_000
_DEPTH_LIMIT = 60
BUILT_IN: Mapping[str, str] = {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "local"}


@dataclass(frozen=True, slots=True)
class Known:
    """A name bound to a value."""

    value: Value


@dataclass(frozen=True, slots=True)
class Delayed:
    """A name bound to an expression, such as the argument of a function."""

    node: Node
    env: Env


@dataclass(frozen=True, slots=True)
class Axis:
    """A name bound to a matrix axis, whose value is another one in each combination."""

    name: str


Env: TypeAlias = Mapping[str, Known | Delayed | Axis]
NOTHING: Env = {}


class NeedsAxis(Exception):
    """The value depends on a matrix axis."""


class Evaluator:
    """`reads` collects the variables met: what depends on them is no longer variable once it is evaluated."""

    def __init__(self, definitions: Definitions, notes: Notes) -> None:
        self.definitions = definitions
        self.notes = notes
        self.reads: dict[str, None] = {}
        self._work = 0
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
            return _RULES[type(node)](self, node, env)
        except Mismatch as problem:
            raise fault(self.notes.source, node.at, str(problem), code="import-value") from None
        finally:
            self._depth -= 1

    def count(self, node: Node) -> None:
        """One step of work. Raises InputError for one too many since `start`."""
        self._work += 1
        if self._work > _WORK_LIMIT:
            raise fault(self.notes.source, node.at, "evaluating this takes too many steps", code="too-much-work")

    def start(self) -> None:
        """Another key begins: its work is counted anew."""
        self._work = 0

    @contextmanager
    def reading(self) -> Iterator[dict[str, None]]:
        """The variables that are read inside."""
        outer, self.reads = self.reads, {}
        try:
            yield self.reads
        finally:
            self.reads = {**outer, **self.reads}

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
            self._known[name] = value, reads | ({name: None} if variable is not None else {})
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


def _template(self: Evaluator, node: Template, env: Env) -> Value:
    if len(node.parts) == 1:
        return self.value(node.parts[0], env)
    return limited("".join(to_text(self.value(part, env)) for part in node.parts))


def _name(self: Evaluator, node: Name, env: Env) -> Value:
    bound = env.get(node.name)
    return self.named(node.name, node.at) if bound is None else self.of(bound)


def _index(self: Evaluator, node: Index, env: Env) -> Value:
    of, key = node.of, node.key
    if isinstance(of, Index) and isinstance(of.of, Name) and of.of.name == "target" and "target" not in env:
        return self.raw(to_text(self.value(of.key, env)), to_text(self.value(key, env)), node.at)
    return index(self.value(of, env), self.value(key, env))


def _splat(self: Evaluator, node: Splat, env: Env) -> Value:
    source = self.value(node.of, env)
    elements = source if isinstance(source, list) else [] if source is None else [source]
    return [self.value(node.each, {**env, "*": Known(each)}) for each in elements]


def _call(self: Evaluator, node: Call, env: Env) -> Value:
    if node.name in ("try", "can"):
        return _tries(self, node, env)
    function = self.definitions.functions.get(node.name)
    if function is not None:
        return self.value(function.result, self.bind(function, node, env))
    if node.name in CHANGING:
        raise Unsupported(node.at, f"`{node.name}` gives another result each time; what calls it is left out")
    work = FUNCTIONS.get(node.name)
    if work is None:
        hint = f"did you mean `{near}`?" if (near := nearest(node.name, tuple(FUNCTIONS))) else None
        raise Unsupported(node.at, f"the function `{node.name}` is not known to the importer", hint)
    args = [self.value(each, env) for each in node.args]
    if node.spread and args and isinstance(args[-1], list):
        args[-1:] = args[-1]
    try:
        return work(*args)
    except (TypeError, ValueError, OverflowError, ArithmeticError, AttributeError, IndexError):
        raise Mismatch(f"`{node.name}` cannot take these arguments") from None


def _tries(self: Evaluator, node: Call, env: Env) -> Value:
    for each in node.args:
        try:
            value = self.value(each, env)
        except InputError as error:
            if error.diagnostics[0].code in ("too-much-work", "nested-too-deeply"):
                raise
            continue
        return True if node.name == "can" else value
    if node.name == "can":
        return False
    raise Mismatch("all arguments of `try` fail")


def _unary(self: Evaluator, node: Unary, env: Env) -> Value:
    value = self.value(node.of, env)
    return not to_bool(value) if node.sign == "!" else -to_number(value)


def _binary(self: Evaluator, node: Binary, env: Env) -> Value:
    if node.sign == "&&":
        return self.truth(node.left, env) and self.truth(node.right, env)
    if node.sign == "||":
        return self.truth(node.left, env) or self.truth(node.right, env)
    return BINARY[node.sign](self.value(node.left, env), self.value(node.right, env))


def _object(self: Evaluator, node: Object, env: Env) -> Value:
    return {to_text(self.value(key, env)): self.value(value, env) for key, value in node.pairs}


def _for(self: Evaluator, node: For, env: Env) -> Value:
    if node.key is None:
        return [self.value(node.value, inner) for inner in self.steps(node, env)]
    found: dict[str, Value] = {}
    for inner in self.steps(node, env):
        key, value = to_text(self.value(node.key, inner)), self.value(node.value, inner)
        if node.grouped:
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    return found


_RULES: Mapping[type, Callable[[Evaluator, Any, Env], Value]] = {
    Literal: lambda _, node, __: node.value,
    Template: _template,
    Name: _name,
    Index: _index,
    Splat: _splat,
    Call: _call,
    Unary: _unary,
    Binary: _binary,
    Conditional: lambda self, node, env: self.value(node.yes if self.truth(node.condition, env) else node.no, env),
    Tuple: lambda self, node, env: [self.value(each, env) for each in node.items],
    Object: _object,
    For: _for,
}
