"""ENV, ARG and LABEL (reference/dockerfile.md §5)."""

from __future__ import annotations

from bake.dockerfile.instructions import Arg, Env, Label
from bake.plan.lower.stage import StageBuilder

# BuildKit passes these to its own tools, never to a step (dockerfile.md §5).
_NOT_FOR_STEPS = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})


def lower_env(stage: StageBuilder, instruction: Env) -> None:
    """All pairs see the variables as they were before the instruction."""
    pairs = [(stage.word(k, instruction.span), stage.word(v, instruction.span)) for k, v in instruction.pairs]
    for name, value in pairs:
        stage.env[name] = value
        stage.scope[name] = value
    stage.note("ENV " + " ".join(f"{name}={value}" for name, value in pairs))


def lower_label(stage: StageBuilder, instruction: Label) -> None:
    pairs = [(stage.word(k, instruction.span), stage.word(v, instruction.span)) for k, v in instruction.pairs]
    stage.set(labels={**(stage.config.labels or {}), **dict(pairs)})
    stage.note("LABEL " + " ".join(f"{name}={value}" for name, value in pairs))


def lower_arg(stage: StageBuilder, instruction: Arg) -> None:
    """Build argument, else expanded default, else the global of that name, else left undefined."""
    shown: list[str] = []
    for name, default in instruction.pairs:
        value = stage.world.build_args.get(name)
        if value is None and default is not None:
            value = stage.word(default, instruction.span)
        if value is None:
            value = stage.world.global_scope.get(name)
        hidden = name in _NOT_FOR_STEPS
        stage.args[name] = value if hidden else None
        if value is not None and not hidden:
            stage.scope[name] = value
        shown.append(name if value is None else f"{name}={value}")
    stage.note("ARG " + " ".join(shown))
