"""Owners by name, which need an /etc/passwd to be looked up in (reference/dockerfile.md §8.1, §8.6)."""

from __future__ import annotations

from bake.errors import Diagnostic, InputError, Span
from bake.plan.lower.stage import StageBuilder
from bake.plan.step import ScratchOp


def check_owner(stage: StageBuilder, owner: str, span: Span, link: bool = False) -> None:
    """Raises InputError for a name where the new layer lies on nothing. BuildKit's `invalid user index: -1` says this.

    `link`: of COPY --link, whose layer starts from nothing wherever it is.
    """
    nothing = link or isinstance(stage.world.graph.steps[stage.step].op, ScratchOp)
    if nothing and any(part and part != "root" and not part.isdecimal() for part in owner.split(":")):
        where = (
            "with --link a layer starts from nothing" if link else "the stage is FROM scratch, and holds nothing yet"
        )
        message = f"the owner {owner} cannot be looked up: {where}, so there is no /etc/passwd"
        hint = "use numbers, or leave out --link" if link else "use numbers, or copy an /etc/passwd first"
        raise InputError(Diagnostic("bad-owner", message, span, hint))
