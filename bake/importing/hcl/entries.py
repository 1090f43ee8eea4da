"""The elements of `output`, `cache-*`, `secret`, `ssh`, `attest`: objects or comma forms → tables."""

from __future__ import annotations

from typing import Any

from bake.importing.hcl.bindings import Delayed, Known
from bake.importing.hcl.lowering import Lowering, Piece
from bake.importing.hcl.nodes import Node, Object
from bake.spec.atoms import FLAG, TEXT
from bake.spec.entries import Entry
from bake.spec.keys import Key


def entry(lowering: Lowering, piece: Piece, key: Key, at: Node) -> Any:
    """A table, or a text for a comma form that may hold anything; None for what counts as not there."""
    if isinstance(piece, Delayed) and isinstance(piece.node, Object):
        table = {}
        for name, value, _ in lowering.pairs(piece.node, piece.env, key.name):
            written = _field(lowering, value, key, name, piece.node)
            if written is not None:
                table[name] = written
        return table
    if isinstance(piece, Known) and isinstance(piece.value, dict):
        return {
            name: _field(lowering, Known(value), key, name, at)
            for name, value in piece.value.items()
            if value is not None
        }
    text = lowering.piece(piece, key.atom, key.name, at)
    return comma_form(text, key.atom.entry) if isinstance(text, str) else text


def comma_form(text: str, entry: Entry | None) -> Any:
    """`type=local,dest=x` as a table, when each field is plain; else the text itself."""
    fields = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in fields]
    plain = all(
        equals and name.replace("-", "").replace("_", "").isalnum()
        for name, (_, equals, _) in zip(names, fields, strict=True)
    )
    if '"' in text or not plain or len(set(names)) < len(names) or any("${" in name for name in names):
        return text
    if text.count("${") and any(value.count("${") != value.count("}") for _, _, value in fields):
        return text
    return {name: _flag(entry, name, value) for name, (_, _, value) in zip(names, fields, strict=True)}


def _flag(entry: Entry | None, name: str, value: str) -> str | bool:
    """`true` and `false` as such, where the field is a flag."""
    field = entry.field(name) if entry is not None else None
    return value == "true" if field is not None and field.atom is FLAG and value in ("true", "false") else value


def _field(lowering: Lowering, value: Piece, key: Key, name: str, at: Node) -> Any:
    known = value.value if isinstance(value, Known) else None
    if isinstance(value, Delayed):
        found = lowering.symbols.known(value.node, value.env)
        known = found.value if found is not None else None
    if isinstance(known, list):
        return [lowering.piece(Known(each), TEXT, f"{key.name}.{name}", at) for each in known if each is not None]
    if isinstance(known, bool):
        return known
    return lowering.piece(value, TEXT, f"{key.name}.{name}", at)
