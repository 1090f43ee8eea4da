"""The JSON schema of bake.toml, made from the key table, for editors: `python -m bake.spec.schema`.

It completes and explains keys and catches wrong types; what it cannot say (names, references, circles) is bake's to
check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bake.spec.keys import (
    EXTEND,
    GROUP_KEYS,
    LIST_KEYS,
    PROFILE_KEYS,
    TARGET_KEYS,
    TOP_KEYS,
    VARIABLE_KEYS,
    Key,
)

_TARGET_NAME = r"^([^:]*:)?[A-Za-z0-9_][A-Za-z0-9_.-]*$"
_VARIABLE_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "bake.schema.json",
        "title": "bake.toml",
        "description": "Images to build, declared for `bake`.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"description": help, **_TOP[name]} for name, help in TOP_KEYS.items()},
        "$defs": {
            "target": _target(),
            "variable": _object(VARIABLE_KEYS),
            "group": {"anyOf": [_key(GROUP_KEYS["targets"]), {**_object(GROUP_KEYS), "required": ["targets"]}]},
            "profile": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: {"description": help, **_TOP[name]} for name, help in PROFILE_KEYS.items()},
            },
        },
    }


def _named(pattern: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": {"pattern": pattern}, "additionalProperties": schema}


_TOP: Mapping[str, dict[str, Any]] = {
    "include": {"type": "array", "items": {"type": "string", "minLength": 1}},
    "variable": _named(_VARIABLE_NAME, {"anyOf": [VARIABLE_KEYS["default"].atom.schema, {"$ref": "#/$defs/variable"}]}),
    "defaults": {"$ref": "#/$defs/target"},
    "group": _named(_TARGET_NAME, {"$ref": "#/$defs/group"}),
    "target": _named(_TARGET_NAME, {"$ref": "#/$defs/target"}),
    "profile": _named(_TARGET_NAME, {"$ref": "#/$defs/profile"}),
}


def _target() -> dict[str, Any]:
    schema = _object(TARGET_KEYS)
    for name in LIST_KEYS:
        about = f"Appended to the `{name}` that is inherited. {TARGET_KEYS[name].help}"
        schema["properties"][EXTEND + name] = {"description": about, "$ref": f"#/$defs/target/properties/{name}"}
    return schema


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _key(key) for name, key in keys.items()},
    }


def _key(key: Key) -> dict[str, Any]:
    schema = _shape(key)
    if key.name == "annotations":
        schema = {"anyOf": [schema, {"type": "array", "items": {"type": "string", "pattern": "="}}]}
    more = {"x-example": key.example} if key.example else {}
    return {"description": key.help, **schema, **more}


def _shape(key: Key) -> dict[str, Any]:
    if key.shape == "list":
        return {"type": "array", "items": key.atom.schema}
    if key.shape == "table":
        if key.fields:
            fields = {name: {"description": f"{name}: {a.says}", **a.schema} for name, a in key.fields.items()}
            return {"type": "object", "additionalProperties": False, "properties": fields}
        return {"type": "object", "additionalProperties": key.atom.schema}
    return dict(key.atom.schema)


def schema_text() -> str:
    """The schema as the file `schemas/bake.schema.json` holds it."""
    import json

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
