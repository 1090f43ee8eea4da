"""A span as data, before any library has seen it."""

from __future__ import annotations

from dataclasses import dataclass, field

Value = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, Value]


@dataclass(frozen=True)
class Moment:
    """Something that happened within a span; `at` in unix nanoseconds."""

    at: int
    name: str
    attributes: Attributes


@dataclass(frozen=True)
class Span:
    """`start` and `end` in unix nanoseconds; `parent` and the first of each link are keys of other spans.

    `links`: (key, what it is to this span). `error`: what went wrong, None if nothing did.
    """

    key: str
    parent: str | None
    name: str
    start: int
    end: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
    links: tuple[tuple[str, str], ...] = ()
    moments: tuple[Moment, ...] = ()
