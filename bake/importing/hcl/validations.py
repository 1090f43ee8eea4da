"""`type` and `validation` of a variable → the `pattern` that accepts the same values, where there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bake.errors import InputError
from bake.importing.hcl.bindings import NOTHING, NeedsAxis
from bake.importing.hcl.evaluate import Evaluator
from bake.importing.hcl.nodes import Binary, Call, Literal, Name, Node, Template, Unary
from bake.importing.notes import Unsupported

_NOT_EMPTY = ".+"
TYPES: Mapping[str, str] = {"number": r"-?\d+(\.\d+)?", "bool": "true|false"}
"""What a value of a type looks like."""


def pattern_of(condition: Node, name: str, evaluator: Evaluator) -> str | None:
    """A regular expression for the whole value; None when the condition is of another form.

    Such forms are comparisons with texts, `contains([…], NAME)`, `can(regex(…, NAME))`, and `&& || !` over them.
    """
    rule = _RULES.get(type(condition))
    return rule(condition, name, evaluator) if rule is not None else None


def both(left: str, right: str) -> str:
    """A pattern for what meets two."""
    return right if left == _NOT_EMPTY else left if right == _NOT_EMPTY else rf"(?=(?:{left})\Z)(?:{right})"


def _template(node: Template, name: str, evaluator: Evaluator) -> str | None:
    return pattern_of(node.parts[0], name, evaluator) if len(node.parts) == 1 else None


def _unary(node: Unary, name: str, evaluator: Evaluator) -> str | None:
    inner = pattern_of(node.of, name, evaluator) if node.sign == "!" else None
    return None if inner is None else rf"(?!(?:{inner})\Z).*"


def _binary(node: Binary, name: str, evaluator: Evaluator) -> str | None:
    if node.sign in ("==", "!="):
        return _compared(node.left, node.right, node.sign == "==", name, evaluator)
    if node.sign not in ("&&", "||"):
        return None
    left, right = pattern_of(node.left, name, evaluator), pattern_of(node.right, name, evaluator)
    if left is None or right is None:
        return None
    return both(left, right) if node.sign == "&&" else f"{left}|{right}"


def _compared(left: Node, right: Node, equal: bool, name: str, evaluator: Evaluator) -> str | None:
    other = right if _is_name(left, name) else left if _is_name(right, name) else None
    value = None if other is None else _text(other, evaluator)
    if value is None:
        return None
    if equal:
        return re.escape(value)
    return rf"(?!{re.escape(value)}\Z).*" if value else _NOT_EMPTY


def _call(node: Call, name: str, evaluator: Evaluator) -> str | None:
    if node.spread or len(node.args) not in (1, 2):
        return None
    first, last = node.args[0], node.args[-1]
    if node.name in ("equal", "notequal"):
        return _compared(first, last, node.name == "equal", name, evaluator)
    if node.name == "contains" and _is_name(last, name):
        return _one_of(first, evaluator)
    if node.name == "can" and isinstance(first, Call) and first.name == "regex" and len(first.args) == 2:
        return _expression(_text(first.args[0], evaluator)) if _is_name(first.args[1], name) else None
    return None


def _one_of(node: Node, evaluator: Evaluator) -> str | None:
    value = _value(node, evaluator)
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        return None
    return "|".join(re.escape(each) for each in value)


def _expression(written: str | None) -> str | None:
    """The peer searches, ours must match the whole."""
    if written is None:
        return None
    if "|" in written:
        return f".*?(?:{written}).*" if _compiles(written) else None
    start = "" if written.startswith("^") else ".*"
    end = "" if written.endswith("$") and not written.endswith("\\$") else ".*"
    body = written.removeprefix("^")
    body = body[:-1] if not end else body
    if not _compiles(body):
        return None
    return f"{start}(?:{body}){end}" if start or end else body


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _is_name(node: Node, name: str) -> bool:
    if isinstance(node, Template) and len(node.parts) == 1:
        return _is_name(node.parts[0], name)
    return isinstance(node, Name) and node.name == name


def _text(node: Node, evaluator: Evaluator) -> str | None:
    if isinstance(node, Literal) and node.value is None:
        return ""
    value = _value(node, evaluator)
    return value if isinstance(value, str) else None


def _value(node: Node, evaluator: Evaluator) -> object:
    """None for what depends on variables, or has no value."""
    with evaluator.reading() as reads:
        try:
            found: object = evaluator.value(node, NOTHING)
        except (InputError, NeedsAxis, Unsupported):
            return None
    return None if reads else found


_RULES: Mapping[type, Callable[..., str | None]] = {
    Template: _template,
    Unary: _unary,
    Binary: _binary,
    Call: _call,
}
