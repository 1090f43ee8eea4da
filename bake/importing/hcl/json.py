"""docker-bake.json → the same body as its HCL form. A JSON value is an HCL expression, its texts are templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from bake.errors import InputError, Source
from bake.importing.hcl.cursor import Cursor
from bake.importing.hcl.expressions import expression
from bake.importing.hcl.nodes import Attribute, Block, Body, Literal, Name, Node, Object, Tuple
from bake.importing.hcl.texts import bare, quoted
from bake.importing.notes import Text, fault

_BLOCKS = ("variable", "group", "target", "function")
_COMMENT = "//"
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)


def parse_json(source: Text, start: int = 0, end: int | None = None) -> Body:
    """The range `[start, end)` of a text. Raises InputError at the first thing that is not JSON, or no definition."""
    start += source.text.startswith("\ufeff", start)
    try:
        json.loads(source.text[start:end])
    except json.JSONDecodeError as error:
        raise fault(source, start + error.pos, f"this is no JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        pass  # the expression parser has a limit of its own, and says where it is reached
    cursor = Cursor(source, start, end)
    cursor.read_text = _text
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


def _pairs(source: Text, node: Object) -> Iterator[tuple[str, Node, Node, tuple[str, ...]]]:
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


def _blocks(source: Text, type_: str, node: Node) -> Iterator[Block]:
    for each in _objects(source, node):
        for label, key, value, above in _pairs(source, each):
            for body in _objects(source, value):
                yield Block(type_, (label,), key.at, _body(source, body, type_), above)


def _objects(source: Text, node: Node) -> Iterator[Object]:
    for each in node.items if isinstance(node, Tuple) else (node,):
        if not isinstance(each, Object):
            raise fault(source, each.at, "this must be an object")
        yield each


def _body(source: Text, node: Object, type_: str) -> Body:
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


def _text(cursor: Cursor, parse: Callable[[Cursor], Node]) -> Node:
    """Decoded first, and then it is a template. If that is another text, all of it has the place of the whole."""
    match = _TEXT.match(cursor.text, cursor.at)
    if match is None:
        raise cursor.fault("this text has no end")
    if "\\" not in match.group():
        return quoted(cursor, parse)
    start, cursor.at = cursor.at, match.end()
    try:
        decoded = json.loads(match.group())
        decoded.encode()
    except (json.JSONDecodeError, UnicodeEncodeError):
        raise cursor.fault("this is no text of JSON", start) from None
    try:
        node: Node = _placed(bare(Cursor(Source("", decoded)), parse), start)
        return node
    except InputError as error:
        raise cursor.fault(error.diagnostics[0].message, start) from None


def _placed(value: Any, at: int) -> Any:
    """The node with the offset `at` in it and all below."""
    if isinstance(value, tuple):
        return tuple(_placed(each, at) for each in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    inner = {each.name: _placed(getattr(value, each.name), at) for each in fields(value)}
    return type(value)(**{**inner, "at": at})


def _names(node: Node) -> Node:
    """Texts that name something, as the names that HCL has there."""
    if isinstance(node, Tuple):
        return Tuple(node.at, tuple(_names(each) for each in node.items))
    return Name(node.at, str(node.value)) if isinstance(node, Literal) else node
