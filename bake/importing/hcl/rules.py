"""How each kind of node is evaluated; `RULES` is what the evaluator looks them up in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bake.errors import InputError, nearest
from bake.importing.hcl.bindings import Env, Known
from bake.importing.hcl.convert import Mismatch, Value, to_bool, to_number, to_text
from bake.importing.hcl.functions import CHANGING, FUNCTIONS
from bake.importing.hcl.functions.collections import index
from bake.importing.hcl.functions.conversions import converted
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
    Object,
    Splat,
    Template,
    Tuple,
    Unary,
)  # fmt: skip
from bake.importing.notes import Unsupported

if TYPE_CHECKING:
    from bake.importing.hcl.evaluate import Evaluator


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
    if node.name == "convert" and len(node.args) == 2 and not node.spread:
        return converted(self.value(node.args[0], env), node.args[1])
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


RULES: Mapping[type, Callable[[Evaluator, Any, Env], Value]] = {
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
