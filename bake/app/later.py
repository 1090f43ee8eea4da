"""What can be asked for and cannot be done yet: refused with its place, or said, but never left out in silence."""

from __future__ import annotations

from collections.abc import Iterable

from bake.errors import Diagnostic, InputError
from bake.spec.target import Target

_REFUSED = {
    "cache_to": "bake writes caches of type registry, local and inline",
}
_SAID = {
    "cache_from": "bake reads caches of type registry and local; the others are left out",
    "resources": "steps wait until so much is free; a step that takes more than it says is not stopped",
}

CACHE_TYPES = ("registry", "local", "inline")


def refuse_keys(targets: Iterable[Target]) -> list[Diagnostic]:
    """Warnings for what only makes a difference in speed. Raises InputError for what would change the result."""
    rows = list(targets)
    errors = [
        _finding(target, key, text, "error") for target in rows for key, text in _REFUSED.items() if _asks(target, key)
    ]
    if errors:
        raise InputError(errors)
    return [
        _finding(target, key, text, "warning") for target in rows for key, text in _SAID.items() if _asks(target, key)
    ]


def _asks(target: Target, key: str) -> bool:
    value = getattr(target, key)
    if key in ("cache_to", "cache_from"):
        return any(row.get("type") not in CACHE_TYPES for row in value)
    return bool(value)


def _finding(target: Target, key: str, text: str, severity: str) -> Diagnostic:
    name = key.replace("_", "-")
    message = f"`{name}` of target '{target.name}': {text}"
    return Diagnostic("not-yet", message, target.span(name), severity="error" if severity == "error" else "warning")
