"""`extra_hosts`: names and their addresses, in each form of compose."""

from __future__ import annotations

from bake.importing.compose.document import Mapping, Node, Sequence
from bake.importing.compose.reader import Reader


def hosts(reader: Reader, node: Node) -> dict[str, str]:
    """Name → address. Raises InputError."""
    if isinstance(node, Mapping):
        node = Mapping(node.at, {name: _one(reader, name, each) for name, each in node.items.items()}, node.keys)
    return {name: (value or "").strip("[]") for name, value in reader.table(node, "=:").items()}


def _one(reader: Reader, name: str, node: Node) -> Node:
    """The first of several addresses, which is noted."""
    if not isinstance(node, Sequence) or not node.items:
        return node
    if len(node.items) > 1:
        message = f"`build.extra_hosts`: only the first address of `{name}` is taken, since bake has one a name"
        reader.notes.add("left-out", node.at, message)
    return node.items[0]
