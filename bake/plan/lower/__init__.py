"""Dockerfile instructions → steps and config: one function an instruction, found by type in one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bake.dockerfile import instructions as df
from bake.plan.lower import copy, metadata, run, variables, workdir
from bake.plan.lower.stage import StageBuilder

_TABLE: dict[type[df.Instruction], Callable[[StageBuilder, Any], None]] = {
    df.Add: copy.lower_add,
    df.Arg: variables.lower_arg,
    df.Cmd: metadata.lower_cmd,
    df.Copy: copy.lower_copy,
    df.Entrypoint: metadata.lower_entrypoint,
    df.Env: variables.lower_env,
    df.Expose: metadata.lower_expose,
    df.Healthcheck: metadata.lower_healthcheck,
    df.Label: variables.lower_label,
    df.Maintainer: metadata.lower_maintainer,
    df.Onbuild: metadata.lower_onbuild,
    df.Run: run.lower_run,
    df.Shell: metadata.lower_shell,
    df.Stopsignal: metadata.lower_stopsignal,
    df.User: metadata.lower_user,
    df.Volume: metadata.lower_volume,
    df.Workdir: workdir.lower_workdir,
}


def lower(stage: StageBuilder, instruction: df.Instruction) -> None:
    """Applies one instruction to its stage."""
    _TABLE[type(instruction)](stage, instruction)
