"""The syntax tree of HCL. `at` is the offset of a node's first character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    at: int
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """A text in pieces; `parts` without two neighbouring literals."""

    at: int
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Name:
    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`, and `of.key` with a literal key."""

    at: int
    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Splat:
    """`of[*].…`; `each` is what is taken of each element, which it calls `*`."""

    at: int
    of: Node
    each: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`spread`: the last argument is followed by `...`."""

    at: int
    name: str
    args: tuple[Node, ...]
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Unary:
    at: int
    sign: str
    of: Node


@dataclass(frozen=True, slots=True)
class Binary:
    at: int
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional:
    at: int
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Tuple:
    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Object:
    at: int
    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class For:
    """`key` None makes a list, else an object; `grouped`: `...` behind the value."""

    at: int
    names: tuple[str, ...]
    source: Node
    key: Node | None
    value: Node
    condition: Node | None = None
    grouped: bool = False


Node: TypeAlias = Literal | Template | Name | Index | Splat | Call | Unary | Binary | Conditional | Tuple | Object | For


@dataclass(frozen=True, slots=True)
class Attribute:
    """`above`: comments on the lines before; `beside`: the one behind it."""

    name: str
    at: int
    node: Node
    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    type: str
    labels: tuple[str, ...]
    at: int
    body: Body
    above: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """Attributes and blocks in order; `below`: comments behind the last."""

    attributes: tuple[Attribute, ...]
    blocks: tuple[Block, ...]
    below: tuple[str, ...] = ()
