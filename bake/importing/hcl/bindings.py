"""What names stand for inside of an expression: arguments of functions, elements of `for`, axes of a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bake.importing.hcl.convert import Value
from bake.importing.hcl.nodes import Node


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
