"""HCL expressions → nodes: operators by precedence, calls, indices, splats, lists, objects and `for`."""

from __future__ import annotations

import re

from bake.importing.hcl.cursor import NUMBER, Cursor
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
    Tuple,
    Unary,
)  # fmt: skip
from bake.importing.hcl.texts import heredoc, quoted

_PRECEDENCE = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))
_LEVELS = {sign: level for level, signs in enumerate(_PRECEDENCE) for sign in signs}
_OPERATOR = re.compile(r"\|\||&&|[=!<>]=|[-<>+*/%]")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_CHAIN_LIMIT = 50
EACH = "*"
"""What a splat calls its element."""


def expression(cursor: Cursor) -> Node:
    """The expression that comes next. Raises InputError."""
    cursor.deeper()
    node = _binary(cursor, 0)
    if cursor.take("?"):
        yes = expression(cursor)
        cursor.need(":", "the first case of `? :`")
        node = Conditional(node.at, node, yes, expression(cursor))
    cursor.higher()
    return node


def _binary(cursor: Cursor, level: int) -> Node:
    """Operators that bind at least as strongly as `level`."""
    left = _unary(cursor)
    for _ in range(_CHAIN_LIMIT):
        start = cursor.at
        cursor.blank()
        match = _OPERATOR.match(cursor.text, cursor.at)
        if match is None or _LEVELS[match.group()] < level:
            cursor.at = start
            return left
        cursor.at = match.end()
        left = Binary(left.at, match.group(), left, _binary(cursor, _LEVELS[match.group()] + 1))
    raise cursor.fault(f"more than {_CHAIN_LIMIT} operators in a row")


def _unary(cursor: Cursor) -> Node:
    cursor.blank()
    start = cursor.at
    for sign in "-!":
        if cursor.take(sign):
            cursor.deeper()
            node = Unary(start, sign, _unary(cursor))
            cursor.higher()
            return node
    return _postfix(cursor, _primary(cursor))


def _postfix(cursor: Cursor, node: Node) -> Node:
    for _ in range(_CHAIN_LIMIT):
        start = cursor.at
        if cursor.take("[*]"):
            return Splat(node.at, node, _postfix(cursor, Name(start, EACH)))
        if cursor.text.startswith(".*", cursor.at):
            cursor.at += 2
            return Splat(node.at, node, _postfix(cursor, Name(start, EACH)))
        if cursor.take("["):
            with cursor.brackets():
                key = expression(cursor)
                cursor.need("]", "an index")
            node = Index(node.at, node, key)
        elif cursor.text.startswith(".", cursor.at) and not cursor.text.startswith("...", cursor.at):
            cursor.at += 1
            node = Index(node.at, node, _member(cursor))
        else:
            cursor.at = start
            return node
    raise cursor.fault(f"more than {_CHAIN_LIMIT} steps in a row")


def _member(cursor: Cursor) -> Literal:
    start = cursor.at
    match = NUMBER.match(cursor.text, cursor.at)
    if match is not None and match.group().isdecimal():
        cursor.at = match.end()
        return Literal(start, int(match.group()))
    name = cursor.name()
    if name is None:
        raise cursor.fault(f"a name must follow `.`, not {cursor.shown()}")
    return Literal(start, name)


def _primary(cursor: Cursor) -> Node:
    cursor.blank()
    start, text = cursor.at, cursor.text
    if text.startswith('"', start):
        return (cursor.read_text or quoted)(cursor, expression)
    if text.startswith("<<", start):
        return heredoc(cursor, expression)
    if match := NUMBER.match(text, start):
        cursor.at = match.end()
        return Literal(start, number(match.group()))
    if text.startswith(("(", "[", "{"), start):
        return _BRACKETS[text[start]](cursor)
    name = cursor.name()
    if name is None:
        raise cursor.fault(f"a value must come here, not {cursor.shown()}")
    if name in _WORDS:
        return Literal(start, _WORDS[name])
    return _call(cursor, start, name) if cursor.text.startswith("(", cursor.at) else Name(start, name)


def number(text: str) -> int | float:
    """HCL has one kind of number: 1.0 is 1."""
    if text.isdecimal() and len(text) <= 300:
        return int(text)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _call(cursor: Cursor, start: int, name: str) -> Node:
    cursor.at += 1
    args: list[Node] = []
    spread = False
    with cursor.brackets():
        while not cursor.take(")"):
            args.append(expression(cursor))
            spread = cursor.take("...")
            if not cursor.take(","):
                cursor.need(")", f"the arguments of {name}")
                break
    return Call(start, name, tuple(args), spread)


def _group(cursor: Cursor) -> Node:
    cursor.at += 1
    with cursor.brackets():
        node = expression(cursor)
        cursor.need(")", "an expression in brackets")
    return node


def _tuple(cursor: Cursor) -> Node:
    start = cursor.at
    cursor.at += 1
    items: list[Node] = []
    with cursor.brackets():
        if cursor.word("for"):
            return _for(cursor, start, "]")
        while not cursor.take("]"):
            items.append(expression(cursor))
            if not cursor.take(","):
                cursor.need("]", "the elements of a list")
                break
    return Tuple(start, tuple(items))


def _object(cursor: Cursor) -> Node:
    start = cursor.at
    cursor.at += 1
    pairs: list[tuple[Node, Node]] = []
    with cursor.brackets():
        if cursor.word("for"):
            return _for(cursor, start, "}")
        while not cursor.take("}"):
            key = _key(cursor)
            if not cursor.take("="):
                cursor.need(":", "a key (or `=`)")
            with cursor.brackets(False):
                pairs.append((key, expression(cursor)))
                ended = cursor.take(",")
                ended = cursor.text.startswith("\n", cursor.at) or ended
            if not ended:
                cursor.need("}", "the keys of an object (or a comma, or a new line)")
                break
            cursor.take(",")
    return Object(start, tuple(pairs))


def _key(cursor: Cursor) -> Node:
    cursor.blank()
    start = cursor.at
    name = cursor.name()
    if name is not None:
        cursor.blank()
        if cursor.text.startswith(("=", ":"), cursor.at):
            return Literal(start, name)
        cursor.at = start
    return expression(cursor)


def _for(cursor: Cursor, start: int, end: str) -> Node:
    names = [_loop_name(cursor)]
    if cursor.take(","):
        names.append(_loop_name(cursor))
    if not cursor.word("in"):
        raise cursor.fault(f"`in` must follow the names of `for`, not {cursor.shown()}")
    source = expression(cursor)
    cursor.need(":", "what `for` goes through")
    value = expression(cursor)
    key: Node | None = None
    if end == "}":
        cursor.need("=>", "the key of `for`")
        key, value = value, expression(cursor)
    grouped = cursor.take("...")
    condition = expression(cursor) if cursor.word("if") else None
    cursor.need(end, "a `for`")
    return For(start, tuple(names), source, key, value, condition, grouped)


def _loop_name(cursor: Cursor) -> str:
    name = cursor.name()
    if name is None:
        raise cursor.fault(f"`for` needs a name, not {cursor.shown()}")
    return name


_BRACKETS = {"(": _group, "[": _tuple, "{": _object}
