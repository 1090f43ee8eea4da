"""How compose puts one value over another: for `extends`, `include` and several files."""

from __future__ import annotations

from bake.importing.compose.document import Mapping, Node, Scalar, Sequence

_TABLES = {"args": "=", "labels": "=", "environment": "=", "extra_hosts": "=:", "additional_contexts": "=", "ssh": "="}
"""Keys that are a mapping or a list of `key=value`, with what ends the key: in both forms they merge by key."""
_REPLACED = frozenset({"command", "entrypoint", "test"})
EMPTY = Mapping(0, {}, {})


def merged(below: Mapping, above: Mapping) -> Mapping:
    """Mappings by key, lists appended, single values replaced; `!override` replaces and `!reset` removes."""
    items = dict(below.items)
    for key, value in above.items.items():
        if value.tag == "!reset":
            items.pop(key, None)
            continue
        items[key] = _one(key, items.get(key), value)
    return Mapping(above.at, items, {**below.keys, **above.keys})


def _one(key: str, below: Node | None, above: Node) -> Node:
    if below is None or above.tag == "!override" or key in _REPLACED:
        return above
    below, above = _form(key, below), _form(key, above)
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return merged(below, above)
    if isinstance(below, Sequence) and isinstance(above, Sequence):
        return Sequence(above.at, (*below.items, *above.items))
    return above


def _form(key: str, node: Node) -> Node:
    """The long form of what has a short one."""
    if key == "build" and isinstance(node, Scalar):
        return Mapping(node.at, {"context": node}, {"context": node.at})
    if key not in _TABLES or not isinstance(node, Sequence):
        return node
    items: dict[str, Node] = {}
    for each in node.items:
        if not isinstance(each, Scalar):
            return node
        mark = next((char for char in each.text if char in _TABLES[key]), None)
        name, _, value = each.text.partition(mark) if mark else (each.text, "", "")
        items[name] = Scalar(each.at, value if mark else None)
    return Mapping(node.at, items, dict.fromkeys(items, node.at))
