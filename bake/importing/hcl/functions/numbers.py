"""Functions on numbers and truth, which are also what the operators do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bake.importing.hcl.convert import Mismatch, Value, same, to_bool, to_number, to_text, whole

_MOST = 10**30


def _arithmetic(work: Callable[[Any, Any], Any]) -> Callable[[Value, Value], int | float]:
    def apply(left: Value, right: Value) -> int | float:
        try:
            found = work(_exact(to_number(left)), _exact(to_number(right)))
            found = float(found) if isinstance(found, Decimal) else found
            if abs(found) > _MOST:
                raise Mismatch("the number is too large")
            return found if isinstance(found, int) else whole(found)
        except ZeroDivisionError:
            raise Mismatch("division by zero") from None
        except (OverflowError, TypeError):
            raise Mismatch("the number is too large") from None

    return apply


def _exact(number: int | float) -> int | Decimal:
    """As it is written, since 0.1 + 0.2 is 0.3 there."""
    return Decimal(repr(number)) if isinstance(number, float) else number


def _compare(work: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    return lambda left, right: work(to_number(left), to_number(right))


def _power(base: Value, exponent: Value) -> Any:
    if abs(exponent) > 1000 or abs(base) > 1e15:
        raise Mismatch("the number is too large")
    return float(base) ** float(exponent)


def _logarithm(number: Value, base: Value) -> Any:
    try:
        return math.log(number) / math.log(base)
    except ValueError:
        raise Mismatch("there is no such logarithm") from None


def _parseint(text: Value, base: Value) -> int:
    try:
        return int(to_text(text)[:100], int(to_number(base)))
    except ValueError:
        raise Mismatch(f"'{to_text(text)}' is no whole number of that base") from None


BINARY: Mapping[str, Callable[[Value, Value], Any]] = {
    "+": _arithmetic(lambda left, right: left + right),
    "-": _arithmetic(lambda left, right: left - right),
    "*": _arithmetic(lambda left, right: left * right),
    "/": _arithmetic(lambda left, right: left / right),
    "%": _arithmetic(math.fmod),
    "<": _compare(lambda left, right: left < right),
    ">": _compare(lambda left, right: left > right),
    "<=": _compare(lambda left, right: left <= right),
    ">=": _compare(lambda left, right: left >= right),
    "==": same,
    "!=": lambda left, right: not same(left, right),
}
"""Operators; `&&` and `||` are the evaluator's, since both sides need not be known."""

NUMBERS: Mapping[str, Callable[..., Any]] = {
    "add": BINARY["+"],
    "subtract": BINARY["-"],
    "multiply": BINARY["*"],
    "divide": BINARY["/"],
    "modulo": BINARY["%"],
    "lessthan": BINARY["<"],
    "greaterthan": BINARY[">"],
    "lessthanorequalto": BINARY["<="],
    "greaterthanorequalto": BINARY[">="],
    "equal": BINARY["=="],
    "notequal": BINARY["!="],
    "and": lambda left, right: to_bool(left) and to_bool(right),
    "or": lambda left, right: to_bool(left) or to_bool(right),
    "not": lambda value: not to_bool(value),
    "negate": lambda value: -to_number(value),
    "absolute": lambda value: abs(to_number(value)),
    "ceil": lambda value: math.ceil(to_number(value)),
    "floor": lambda value: math.floor(to_number(value)),
    "int": lambda value: int(to_number(value)),
    "signum": lambda value: (to_number(value) > 0) - (to_number(value) < 0),
    "min": lambda first, *more: min(map(to_number, (first, *more))),
    "max": lambda first, *more: max(map(to_number, (first, *more))),
    "pow": _arithmetic(_power),
    "parseint": _parseint,
    "log": _arithmetic(_logarithm),
}
