"""`convert(value, type)`: the second argument is a type, not a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bake.importing.hcl.convert import Mismatch, Value, to_bool, to_dict, to_number, to_text
from bake.importing.hcl.functions.collections import distinct
from bake.importing.hcl.nodes import Call, Literal, Name, Node, Object, Tuple

_SIMPLE: Mapping[str, Callable[[Value], Value]] = {
    "string": to_text,
    "number": to_number,
    "bool": to_bool,
    "any": lambda value: value,
}


def type_name(node: Node) -> str:
    """`string`, `list`, …; "" for what is no type."""
    if isinstance(node, Call) and len(node.args) == 1:
        return node.name
    if isinstance(node, Name):
        return node.name
    return str(node.value).partition("(")[0] if isinstance(node, Literal) else ""


def converted(value: Value, wanted: Node) -> Value:
    """The value as that type; null stays null. Raises Mismatch."""
    name = type_name(wanted)
    if value is None:
        return None
    if name in _SIMPLE and not isinstance(wanted, Call):
        return _SIMPLE[name](value)
    work = _COMPOUND.get(name)
    if work is None or not isinstance(wanted, Call):
        raise Mismatch("the second argument of `convert` must be a type")
    return work(value, wanted.args[0])


def _list(value: Value, inner: Node) -> list[Value]:
    if not isinstance(value, list):
        raise Mismatch("only a list converts to a list")
    return [converted(each, inner) for each in value]


def _tuple(value: Value, inner: Node) -> list[Value]:
    kinds = inner.items if isinstance(inner, Tuple) else ()
    if not isinstance(value, list) or len(value) != len(kinds):
        raise Mismatch(f"this is no list of {len(kinds)}")
    return [converted(each, kind) for each, kind in zip(value, kinds, strict=True)]


def _object(value: Value, inner: Node) -> dict[str, Value]:
    table = to_dict(value)
    kinds = {str(key.value): kind for key, kind in inner.pairs if isinstance(key, Literal)} if isinstance(
        inner, Object) else {}  # fmt: skip
    missing = [name for name in kinds if name not in table]
    if missing:
        raise Mismatch(f"`{missing[0]}` is missing")
    return {name: converted(table[name], kind) for name, kind in kinds.items()}


_COMPOUND: Mapping[str, Callable[[Value, Node], Value]] = {
    "list": _list,
    "set": lambda value, inner: distinct(_list(value, inner)),
    "map": lambda value, inner: {name: converted(each, inner) for name, each in to_dict(value).items()},
    "tuple": _tuple,
    "object": _object,
}
