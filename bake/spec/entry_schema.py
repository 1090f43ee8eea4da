"""The JSON schema of an entry: a table with the keys of its type, or a text in comma form."""

from __future__ import annotations

from typing import Any

from bake.spec.entries import Entry


def entry_schema(entry: Entry) -> dict[str, Any]:
    """Draft 2020-12. Which keys belong to which type is told in descriptions; bake itself checks it."""
    aliases = dict(entry.aliases)
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    for field in entry.fields:
        help = field.help + (f" (type {', '.join(field.types)})" if field.types else "")
        schema = {**field.atom.schema, "description": help}
        if field.name.endswith(".*"):
            patterns["^" + field.name[:-2] + r"(\[[^\]]*\])?\."] = schema
        else:
            properties[field.name] = schema
    for alias, name in aliases.items():
        properties[alias] = {**properties[name], "description": f"the same as `{name}`"}
    table: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if patterns:
        table["patternProperties"] = patterns
    wanted = [*(["type"] if entry.types and entry.default_type is None else []), *entry.required]
    if wanted:
        table["required"] = wanted
    needed = [
        {"if": {"properties": {"type": {"const": type_}}, "required": ["type"]}, "then": {"required": [field.name]}}
        for field in entry.fields if field.needed
        for type_ in field.types
    ]  # fmt: skip
    if needed:
        table["allOf"] = needed
    return {"anyOf": [table, {"type": "string"}]}
