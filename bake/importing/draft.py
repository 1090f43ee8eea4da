"""The bake.toml to be, before it is written: tables in order, with the comments of the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EMPTY: tuple[str, ...] = ()


@dataclass(slots=True)
class Item:
    """One `key = value`. `value`: what TOML can hold; `at`: offset in the source; comments without their marks."""

    value: Any
    at: int
    above: tuple[str, ...] = EMPTY
    beside: str = ""


@dataclass(slots=True)
class Table:
    """A variable, group or target: its keys in order."""

    at: int
    above: tuple[str, ...] = EMPTY
    items: dict[str, Item] = field(default_factory=dict)

    def put(self, key: str, value: Any, at: int | None = None) -> None:
        """Sets a key; `at` None is the table's own place."""
        self.items[key] = Item(value, self.at if at is None else at)

    def value(self, key: str) -> Any:
        """The value of a key, None when there is none."""
        item = self.items.get(key)
        return None if item is None else item.value


@dataclass(slots=True)
class Draft:
    """All tables by name, in the order of the source. `above` and `below`: comments at the ends of the source."""

    variables: dict[str, Table] = field(default_factory=dict)
    groups: dict[str, Table] = field(default_factory=dict)
    targets: dict[str, Table] = field(default_factory=dict)
    below: tuple[str, ...] = EMPTY
    above: tuple[str, ...] = EMPTY
