"""A target block and the names that it sees → the keys of a target in bake.toml, parents apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bake.errors import Diagnostic, InputError, nearest
from bake.importing.draft import Item, Table
from bake.importing.hcl.bindings import Delayed, Env
from bake.importing.hcl.definitions import attributes
from bake.importing.hcl.entries import entry
from bake.importing.hcl.lowering import Lowering
from bake.importing.hcl.nodes import Attribute, Block, Node, Object, Tuple
from bake.importing.keys import APPENDED, CARRIED, DROPPED, STRUCTURE
from bake.importing.notes import Unsupported
from bake.spec.atoms import NAME
from bake.spec.keys import Key


@dataclass(slots=True)
class Imported:
    """A target before its parents are put in bake's order. `parents`: as the peer names them; `combinations`: the names
    of those of its matrix."""

    name: str
    table: Table
    parents: list[str] = field(default_factory=list)
    combinations: tuple[str, ...] = ()


class TargetReader:
    """Reads targets; what is wrong is collected in `errors`, so that all of it can be told together."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.notes = lowering.notes
        self.errors: list[Diagnostic] = []

    def read(self, name: str, blocks: list[Block], env: Env) -> Imported:
        """Raises NeedsAxis."""
        above = tuple(line for block in blocks for line in block.above)
        found = Imported(name, Table(blocks[0].at, above))
        for block in blocks:
            for inner in block.body.blocks:
                hint = f"write `{inner.type} = {{ … }}` there to have it" if inner.type in CARRIED else None
                message = f"the block `{inner.type}` in a target means nothing to the peer; it is left out"
                self.notes.add("ignored-block", inner.at, message, hint)
            for attribute in attributes(block).values():
                self._attribute(found, attribute, env)
        return found

    def _attribute(self, found: Imported, attribute: Attribute, env: Env) -> None:
        self.lowering.evaluator.start(attribute.name)
        try:
            if attribute.name == "inherits":
                self._inherits(found, attribute, env)
            elif attribute.name not in STRUCTURE:
                self._key(found.table, attribute, env)
        except Unsupported as problem:
            self.notes.add(
                "not-evaluated", problem.at, f"`{attribute.name}` is left out: {problem.message}", problem.hint
            )
        except InputError as error:
            self.errors += error.diagnostics

    def _inherits(self, found: Imported, attribute: Attribute, env: Env) -> None:
        for piece in self.lowering.elements(attribute.node, env, "inherits"):
            if isinstance(piece, Delayed):  # bake.toml names parents as they are
                piece = self.lowering.fixed(piece.node, piece.env, "inherits")
            text = self.lowering.piece(piece, NAME, "inherits", attribute.node)
            if text:
                found.parents.append(text)
        found.table.items["inherits"] = Item([], attribute.at, attribute.above, attribute.beside)

    def _key(self, table: Table, attribute: Attribute, env: Env) -> None:
        key = CARRIED.get(attribute.name)
        if key is None:
            self._unknown(attribute)
            return
        if key.shape != "scalar" and self._is_null(attribute.node, env):
            return  # as if it were not there: an inherited list stays
        if key.name == "annotations":
            value: Any = self._annotations(attribute, env)
        elif key.shape == "table":
            value = self._table(key, attribute, env)
        elif key.shape == "list":
            value = self._list(key, attribute, env)
        else:
            value = self.lowering.scalar(attribute.node, env, key.atom, key.name)
        if value is None or (value == "" and key.name != "description"):
            return
        if key.name == "context":
            value = self._local(value, attribute.at)
        self._put(table, key, Item(value, attribute.at, attribute.above, attribute.beside))

    def _is_null(self, node: Node, env: Env) -> bool:
        known = None if isinstance(node, Object | Tuple) else self.lowering.symbols.known(node, env)
        return known is not None and known.value is None

    def _put(self, table: Table, key: Key, item: Item) -> None:
        """A key that an earlier block of the same target has is merged with it, as the peer merges."""
        earlier = table.items.get(key.name)
        if earlier is not None and key.shape == "table":
            item.value = {**earlier.value, **item.value}
        elif earlier is not None and key.name in APPENDED:
            item.value = [*earlier.value, *(each for each in item.value if each not in earlier.value)]
        table.items[key.name] = item

    def _unknown(self, attribute: Attribute) -> None:
        if attribute.name in DROPPED:
            message = f"`{attribute.name}` is left out: {DROPPED[attribute.name]}"
            self.notes.add("left-out", attribute.at, message)
            return
        near = nearest(attribute.name, (*CARRIED, *STRUCTURE))
        message = f"`{attribute.name}` means nothing to the peer; it is left out"
        self.notes.add("unknown-key", attribute.at, message, f"was `{near}` meant?" if near else None)

    def _list(self, key: Key, attribute: Attribute, env: Env) -> list[Any]:
        found = []
        for piece in self.lowering.elements(attribute.node, env, key.name):
            if key.atom.entry is not None:
                value = entry(self.lowering, piece, key, attribute.node)
            else:
                value = self.lowering.piece(piece, key.atom, key.name, attribute.node)
            if value not in (None, "", {}):
                found.append(value)
        return found

    def _table(self, key: Key, attribute: Attribute, env: Env) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, piece, at in self.lowering.pairs(attribute.node, env, key.name):
            atom = key.fields.get(name, key.atom)
            try:
                value = self.lowering.piece(piece, atom, f"{key.name}.{name}", attribute.node)
            except Unsupported as problem:
                message = f"`{key.name}.{name}` is left out: {problem.message}"
                self.notes.add("not-evaluated", problem.at, message, problem.hint)
                continue
            if value is None:
                if isinstance(piece, Delayed) and self.lowering.symbols.is_nullable(piece.node, piece.env):
                    continue
                self.notes.add("null-value", at, f"`{key.name}.{name}` is null, which is as if it were not there")
                continue
            if key.name == "contexts":
                value = self._local(value, at)
            found[name] = value
        return found

    def _annotations(self, attribute: Attribute, env: Env) -> dict[str, Any]:
        """The peer's list of `key=value` as a table."""
        found: dict[str, Any] = {}
        for text in self._list(CARRIED["annotations"], attribute, env):
            name, equals, value = str(text).partition("=")
            if not equals or "${" in name:
                message = f"`annotations`: '{text}' is left out, since its key is not a plain text"
                self.notes.add("left-out", attribute.at, message)
                continue
            found[name] = value
        return found

    def _local(self, value: Any, at: int) -> Any:
        """`cwd://x`, which is x for a file on this machine."""
        if isinstance(value, str) and value.startswith("cwd://"):
            self.notes.add("local-path", at, f"'{value}' is written as the path that it is for a local file")
            return value.removeprefix("cwd://").lstrip("/") or "."
        return value
