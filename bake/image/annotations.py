"""Annotations of images at all levels (reference/cache.md §12, buildx-bake.md §1.1). Pure.

A key of the target's table is `[LEVEL[,LEVEL…]:]KEY`, a level optionally of one platform: `manifest[linux/arm64]`.
The output's form of the same is `annotation[-LEVEL][[PLATFORM]].KEY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from bake.oci.platform import Platform, parse_platform

Level = Literal["manifest", "index", "manifest-descriptor", "index-descriptor"]
LEVELS: tuple[Level, ...] = get_args(Level)
_OF_PLATFORM = ("manifest", "manifest-descriptor")
_ONE = r"[a-z-]+(?:\[[^\]]*\])?"
_KEY = re.compile(rf"({_ONE}(?:,{_ONE})*):(.+)", re.S)
_PART = re.compile(r"([a-z-]+)(?:\[([^\]]*)\])?")
_OPTION = re.compile(r"annotation(?:-([a-z-]+?))?(?:\[([^\]]*)\])?\.(.+)", re.S)


@dataclass(frozen=True, slots=True)
class Annotation:
    """`platform` None: of all platforms; an annotation of one platform wins over a general one."""

    level: Level
    key: str
    value: str
    platform: Platform | None = None


def parse_annotation(written: str, value: str) -> tuple[Annotation, ...]:
    """The annotations that one entry of `annotations` means. Raises ValueError with a reason fit for a user."""
    match = _KEY.fullmatch(written)
    if match is None:
        return (Annotation("manifest", written, value),)
    parts = [_PART.fullmatch(part) for part in re.findall(_ONE, match[1])]
    return tuple(_made(part[1], part[2], match[2], value) for part in parts if part is not None)


def parse_option(name: str, value: str) -> Annotation | None:
    """The annotation that an option of an output means, None for another option. Raises ValueError."""
    match = _OPTION.fullmatch(name)
    return _made(match[1] or "manifest", match[2], match[3], value) if match else None


def _made(level: str, platform: str | None, key: str, value: str) -> Annotation:
    if level not in LEVELS:
        raise ValueError(f"there is no annotation level '{level}'; levels are {', '.join(LEVELS)}")
    if platform is None:
        return Annotation(level, key, value)
    if level not in _OF_PLATFORM:
        raise ValueError(f"an annotation of the {level} belongs to no single platform")
    return Annotation(level, key, value, parse_platform(platform))


def select(annotations: Iterable[Annotation], level: Level, platform: Platform | None = None) -> dict[str, str] | None:
    """Key → value at one level, of one platform; None when there are none, as documents leave them out then."""
    rows = [row for row in annotations if row.level == level]
    general = {row.key: row.value for row in rows if row.platform is None}
    special = {row.key: row.value for row in rows if row.platform is not None and row.platform == platform}
    return {**general, **special} or None


def foreign(annotations: Iterable[Annotation], platforms: Iterable[Platform]) -> Annotation | None:
    """An annotation of a platform that is not built, if there is one."""
    known = set(platforms)
    return next((row for row in annotations if row.platform is not None and row.platform not in known), None)
