"""`NAME[axis=value]`: a name with conditions on the axes of a matrix, in selections and in `--set`.

Commas separate values and axes: `main[python=3.11,3.12,distro=slim]`. Values may be globs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from bake.spec.template import TemplateError

Conditions = Mapping[str, Sequence[str]]
"""Axis → the values that it may have."""

_FORM = re.compile(r"(.+)\[([^\[\]]*=[^\[\]]*)\]", re.S)


def split_conditions(text: str) -> tuple[str, Conditions]:
    """The name or glob, and the conditions behind it. Raises TemplateError."""
    match = _FORM.fullmatch(text)
    if match is None:
        return text, {}
    found: dict[str, list[str]] = {}
    axis = ""
    for part in match.group(2).split(","):
        name, equals, value = part.partition("=")
        if equals:
            axis = name.strip()
        if not axis:
            raise TemplateError(f"'{part}' names no axis", text, "write NAME[axis=value]", code="bad-selection")
        found.setdefault(axis, []).append((value if equals else part).strip())
    return match.group(1), found


def has_value(axes: Mapping[str, str], axis: str, patterns: Sequence[str]) -> bool:
    """Whether the axis has one of the values."""
    value = axes.get(axis)
    return value is not None and any(value == each or fnmatchcase(value, each) for each in patterns)


def meets(axes: Mapping[str, str], conditions: Conditions) -> bool:
    """Whether every condition holds."""
    return all(has_value(axes, axis, patterns) for axis, patterns in conditions.items())
