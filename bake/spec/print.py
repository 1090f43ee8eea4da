"""`bake print`: the resolved targets as plain data, in the peer's form (SPEC §4). Nothing sensitive is in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bake.spec.keys import FIELD_KEYS
from bake.spec.redact import redact
from bake.spec.resolve import Resolved
from bake.spec.target import Target

VERSION = 1
_ALWAYS = ("context", "dockerfile", "platforms")
"""Keys that are shown also with their default."""
_FIELDS = [
    (name, key.field_name, getattr(Target("", "", ""), key.field_name)) for name, key in sorted(FIELD_KEYS.items())
]
"""(key, field of Target, what it is where nothing is said)."""


def to_print(resolved: Resolved) -> dict[str, Any]:
    """`{"version": 1, "group": {…}, "target": {…}}`; tables sorted by key. Group `default` is what was asked for."""
    groups = {**resolved.groups, "default": resolved.requested}
    return {
        "version": VERSION,
        "group": {name: {"targets": list(groups[name])} for name in sorted(groups)},
        "target": {name: print_target(resolved.targets[name]) for name in sorted(resolved.targets)},
    }


def print_target(target: Target) -> dict[str, Any]:
    """The keys of one target that say something; values of sensitive variables are hidden."""
    shown: dict[str, Any] = {}
    for name, field, default in _FIELDS:
        value = getattr(target, field)
        if name == "dockerfile" and target.dockerfile_inline is not None:
            continue
        if name in _ALWAYS or (value is not None and value != default):
            shown[name] = redact(_plain(value), target.sensitive)
    if target.axes:
        shown["axes"] = dict(target.axes)
    return dict(sorted(shown.items()))


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(value[name]) for name in sorted(value)}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
