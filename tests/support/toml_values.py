"""Values as bake.toml writes them, on one line."""

from __future__ import annotations

import json


def toml(value: object) -> str:
    """Of strings, numbers, booleans, lists and tables."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)
