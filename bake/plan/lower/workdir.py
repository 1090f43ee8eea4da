"""WORKDIR: a config value and, unless it is `/`, a layer (reference/dockerfile.md §9)."""

from __future__ import annotations

from bake.dockerfile.instructions import Workdir
from bake.dockerfile.paths import clean
from bake.plan.lower.owners import check_owner
from bake.plan.lower.stage import StageBuilder
from bake.plan.step import MkdirOp


def lower_workdir(stage: StageBuilder, instruction: Workdir) -> None:
    """An absolute value stays verbatim, a relative one is joined and cleaned, an empty one is the current directory."""
    value = stage.word(instruction.path, instruction.span)
    path = value if value.startswith("/") else clean(f"{stage.workdir}/{value}") if value else stage.workdir
    stage.set(working_dir=path)
    if path == "/":  # as written: `//` makes a layer, an empty one
        stage.note(f"WORKDIR {path}")
        return
    check_owner(stage, stage.config.user, instruction.span)
    op = MkdirOp(clean(path), owner=stage.config.user, epoch=stage.world.epoch)
    stage.layer(op, (stage.step,), instruction, f"WORKDIR {instruction.path}", f"WORKDIR {path}")
