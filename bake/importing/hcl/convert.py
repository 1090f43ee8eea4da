"""Conversions between the types of HCL (reference/buildx-bake.md §9.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Value = Any
"""None, bool, int, float, str, list, dict."""


class Mismatch(Exception):
    """A value of the wrong type, or another fault of an evaluation; the message is for the user."""


def kind(value: Value) -> str:
    """The type of a value, for messages."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names[type(value)]


def to_text(value: Value) -> str:
    """Numbers in their shortest form. Raises Mismatch for null, lists and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return number_text(value)
    raise Mismatch(f"{kind(value)} cannot stand where a text is needed")


def number_text(value: int | float) -> str:
    """1.0 → 1, 1.10 → 1.1, 1e-6 → 0.000001; never with an exponent below 10^21."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return f"{Decimal(repr(value)):f}" if abs(value) < 1 else repr(value)


def to_number(value: Value) -> int | float:
    """Raises Mismatch."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Mismatch(f"{kind(value)} cannot stand where a number is needed")
    if isinstance(value, str):
        try:
            return int(value) if len(value) < 300 else float(value)
        except ValueError:
            try:
                return whole(float(value))
            except ValueError:
                raise Mismatch(f"'{value}' is no number") from None
    return value


def whole(value: float) -> int | float:
    """A number without a fraction as int."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Mismatch("the result is no number")
    return int(value) if value.is_integer() else value


def to_bool(value: Value) -> bool:
    """Raises Mismatch."""
    if isinstance(value, bool):
        return value
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise Mismatch(f"{kind(value)} cannot stand where true or false is needed")


def to_list(value: Value) -> list[Value]:
    """Raises Mismatch."""
    if not isinstance(value, list):
        raise Mismatch(f"{kind(value)} cannot stand where a list is needed")
    return value


def to_dict(value: Value) -> dict[str, Value]:
    """Raises Mismatch."""
    if not isinstance(value, dict):
        raise Mismatch(f"{kind(value)} cannot stand where an object is needed")
    return value


def same(left: Value, right: Value) -> bool:
    """`==`: values of different types are not equal; true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
