"""What targets inherit, from the peer's rule to bake's.

The peer applies parents from left to right, the later wins, and appends some lists. bake puts all ancestors in one
order (C3), the first parent wins, and a list replaces. Where both orders give the same, the structure stays; else the
target is written out with all that it inherits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bake.importing.draft import Item, Table
from bake.importing.keys import APPENDED, CARRIED
from bake.importing.notes import Notes
from bake.spec.linear import InheritanceError, linearise


class Families:
    """All targets of an import with their parents as the peer names them; `settle` writes bake's keys."""

    def __init__(self, tables: Mapping[str, Table], parents: Mapping[str, list[str]], notes: Notes) -> None:
        self.tables = tables
        self.notes = notes
        self.parents: dict[str, list[str]] = {name: [] for name in tables}
        self._orders: dict[str, tuple[str, ...]] = {}
        self._whole: dict[str, dict[str, Item]] = {}
        for name in tables:
            self._accept(name, parents.get(name, []))

    def settle(self) -> None:
        """Rewrites `inherits` and the keys that depend on it."""
        for name in self._parents_first():
            self._whole[name] = self._resolved(name)
            if self.parents[name] and not self._keeps(name):
                self.tables[name].items = dict(self._whole[name])
                self.parents[name] = []
                self._orders[name] = (name,)
        several = {each for name in self.tables if len(self.parents[name]) > 1 for each in self._ancestors(name)}
        for name, table in self.tables.items():
            if self.parents[name]:
                table.items["inherits"].value = self.parents[name][::-1]
            else:
                table.items.pop("inherits", None)
            if self.parents[name] or name in several:
                _extend(table)
            _unset(table, is_root=not self.parents[name])

    def _accept(self, name: str, wanted: list[str]) -> None:
        at = self._at(name)
        for each in dict.fromkeys(wanted):
            if each not in self.tables:
                message = f"`{name}` inherits `{each}`, which this file does not define; it is left out"
                self.notes.add("unknown-parent", at, message, "import that file too and copy its target")
            elif each == name or name in self._ancestors(each):
                message = f"`{name}` and `{each}` inherit from each other; the peer cuts such a circle without a word"
                self.notes.add("inheritance-cycle", at, message)
            else:
                self.parents[name].append(each)

    def _at(self, name: str) -> int:
        item = self.tables[name].items.get("inherits")
        return self.tables[name].at if item is None else item.at

    def _ancestors(self, name: str) -> dict[str, None]:
        found: dict[str, None] = {}
        todo = list(self.parents[name])
        while todo:
            each = todo.pop()
            if each not in found:
                found[each] = None
                todo += self.parents[each]
        return found

    def _parents_first(self) -> list[str]:
        found: dict[str, None] = {}
        stack = list(self.tables)[::-1]
        while stack:
            waiting = [each for each in self.parents[stack[-1]] if each not in found]
            if waiting:
                stack += waiting
            else:
                found[stack.pop()] = None
        return list(found)

    def _resolved(self, name: str) -> dict[str, Item]:
        """All keys of a target, its own and the inherited ones, by the peer's rule."""
        found: dict[str, Item] = {}
        for each in self.parents[name]:
            lay(found, self._whole[each])
        own = {key: item for key, item in self.tables[name].items.items() if key != "inherits"}
        lay(found, own)
        return {key: found[key] for key in (*own, *found)}

    def _keeps(self, name: str) -> bool:
        """Whether bake's order gives what the peer's gives; why not is noted."""
        try:
            order = linearise(name, lambda each: self.parents[each][::-1], self._orders)
        except InheritanceError:
            message = f"`{name}` is written out with all that it inherits: bake has no order for its parents"
            self.notes.add("written-out", self._at(name), message)
            return False
        ours: dict[tuple[str, str], Any] = {}
        for each in reversed(order):
            ours.update(_values(self.tables[each].items))
        theirs = _values(self._whole[name])
        other = sorted({".".join(filter(None, place)) for place, value in theirs.items() if ours.get(place) != value})
        if not other:
            return True
        shown = ", ".join(f"`{each}`" for each in other)
        message = f"`{name}` is written out with all that it inherits: a grandparent's {shown} beats a parent's there"
        self.notes.add("diamond", self._at(name), message)
        return False


def _values(items: Mapping[str, Item]) -> dict[tuple[str, str], Any]:
    """What replaces, by key and name, elements with an identity too; that others are appended in another order is the
    same to a build."""
    found: dict[tuple[str, str], Any] = {}
    for key, item in items.items():
        if isinstance(item.value, dict) and key in CARRIED:
            found.update({(key, name): value for name, value in item.value.items()})
        elif key in CARRIED and key not in APPENDED:
            found[key, ""] = item.value
        elif key in APPENDED:
            found.update({(key, _identity(key, element)): element for element in item.value})
    return found


def _identity(key: str, element: Any) -> str:
    entry = CARRIED[key].atom.entry
    if isinstance(element, dict) and entry is not None and entry.identity:
        return str([element.get(name) for name in entry.identity])
    return str(element)


def _unset(table: Table, *, is_root: bool) -> None:
    """A context that is "" takes an inherited one away."""
    item = table.items.get("contexts")
    if item is None:
        return
    gone = [name for name, value in item.value.items() if value == ""]
    item.value = {name: value for name, value in item.value.items() if value != ""}
    if gone and not is_root:
        table.put("unset", [f"contexts.{name}" for name in gone], item.at)
    if not item.value:
        del table.items["contexts"]


def lay(below: dict[str, Item], above: Mapping[str, Item]) -> None:
    """Puts keys over others in place, by the peer's rule for each."""
    for key, item in above.items():
        earlier = below.get(key)
        value: Any = item.value
        if earlier is not None and isinstance(value, dict):
            value = {**earlier.value, **value}
        elif earlier is not None and key in APPENDED:
            known = {_identity(key, each) for each in value}
            value = [*(each for each in earlier.value if _identity(key, each) not in known), *value]
        below[key] = Item(value, item.at, item.above, item.beside)


def _extend(table: Table) -> None:
    table.items = {(f"extend-{key}" if key in APPENDED else key): item for key, item in table.items.items()}
