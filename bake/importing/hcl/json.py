"""docker-bake.json → the same body as its HCL form. A JSON value is an HCL expression, its texts are templates."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bake.errors import Source
from bake.importing.hcl.cursor import Cursor
from bake.importing.hcl.expressions import expression
from bake.importing.hcl.nodes import Attribute, Block, Body, Literal, Name, Node, Object, Tuple
from bake.importing.notes import fault

_BLOCKS = ("variable", "group", "target", "function")
_COMMENT = "//"


def parse_json(source: Source) -> Body:
    """Raises InputError at the first thing that is not JSON, or not in the form of a definition."""
    try:
        json.loads(source.text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise fault(source, error.pos, f"this is no JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        pass  # the expression parser has a limit of its own, and says where it is reached
    cursor = Cursor(source, 1 if source.text.startswith("\ufeff") else 0)
    with cursor.brackets():
        node = expression(cursor)
    if not isinstance(node, Object):
        raise fault(source, node.at, "a definition must be an object")
    attributes: list[Attribute] = []
    blocks: list[Block] = []
    for name, key, value, above in _pairs(source, node):
        if name in _BLOCKS:
            blocks += _blocks(source, name, value)
        else:
            attributes.append(Attribute(name, key.at, value, above))
    return Body(tuple(attributes), tuple(blocks))


def _pairs(source: Source, node: Object) -> Iterator[tuple[str, Node, Node, tuple[str, ...]]]:
    """(name, key, value, comments above it), without the `"//"` keys that are comments."""
    above: list[str] = []
    for key, value in node.pairs:
        if not isinstance(key, Literal) or not isinstance(key.value, str):
            raise fault(source, key.at, "a name must be a plain text here")
        if key.value == _COMMENT:
            above += str(value.value).splitlines() if isinstance(value, Literal) else []
            continue
        yield key.value, key, value, tuple(above)
        above = []


def _blocks(source: Source, type_: str, node: Node) -> Iterator[Block]:
    for each in _objects(source, node):
        for label, key, value, above in _pairs(source, each):
            for body in _objects(source, value):
                yield Block(type_, (label,), key.at, _body(source, body, type_), above)


def _objects(source: Source, node: Node) -> Iterator[Object]:
    for each in node.items if isinstance(node, Tuple) else (node,):
        if not isinstance(each, Object):
            raise fault(source, each.at, "this must be an object")
        yield each


def _body(source: Source, node: Object, type_: str) -> Body:
    attributes: list[Attribute] = []
    blocks: list[Block] = []
    for name, key, value, above in _pairs(source, node):
        if type_ == "variable" and name == "validation":
            blocks += [Block(name, (), key.at, _body(source, each, name)) for each in _objects(source, value)]
        elif type_ == "function" and name in ("params", "variadic_params"):
            attributes.append(Attribute(name, key.at, _names(value), above))
        else:
            attributes.append(Attribute(name, key.at, value, above))
    return Body(tuple(attributes), tuple(blocks))


def _names(node: Node) -> Node:
    """Texts that name something, as the names that HCL has there."""
    if isinstance(node, Tuple):
        return Tuple(node.at, tuple(_names(each) for each in node.items))
    return Name(node.at, str(node.value)) if isinstance(node, Literal) else node
