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
    """`name` is the peer's, used in `# check=skip=`; `code` is ours; `hint` says what to do.

    `own`: a rule that BuildKit does not have, so that `error=true` cannot mean it. `reached`: it is applied to the
    stages that are built only, as BuildKit does while it dispatches their instructions.
    """

    name: str
    code: str
    find: Callable[[View], Iterator[Finding]]
    hint: str
    experimental: bool = False
    own: bool = False
    reached: bool = False
