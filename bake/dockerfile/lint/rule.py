"""What a lint rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bake.dockerfile.lint.view import View, Written
from bake.errors import Span


@dataclass(frozen=True, slots=True)
class Finding:
    """`at` is the instruction it belongs to, whose comments may skip it; `span` the exact place."""

    at: Written
    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is the peer's, used in `# check=skip=`; `code` is ours; `hint` says what to do."""

    name: str
    code: str
    find: Callable[[View], Iterator[Finding]]
    hint: str
    experimental: bool = False
