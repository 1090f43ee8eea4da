"""Which stages of a Dockerfile a build reaches, and what their FROM lines name (reference/dockerfile.md §6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bake.dockerfile.forms import place_of
from bake.dockerfile.instructions import Add, Copy, Dockerfile, Instruction, Run, Stage
from bake.errors import Diagnostic, InputError, Span, nearest


def find_target(dockerfile: Dockerfile, name: str | None, span: Span | None) -> Stage:
    """The stage to build: `name` in any case, None for the last. Raises InputError when there is no such stage."""
    if not dockerfile.stages:
        raise InputError(Diagnostic("no-stages", f"{dockerfile.source_name} contains no stages to build", span))
    if name is None:
        return dockerfile.stages[-1]
    for stage in reversed(dockerfile.stages):
        if stage.name == name.lower():
            return stage
    if name.isdecimal() and int(name) < len(dockerfile.stages) and not dockerfile.stages[int(name)].name:
        return dockerfile.stages[int(name)]
    names = [stage.name for stage in dockerfile.stages if stage.name]
    near = nearest(name, names)
    hint = f"did you mean '{near}'?" if near else f"stages here: {', '.join(names) or 'none has a name'}"
    raise InputError(Diagnostic("unknown-stage", f"target stage '{name}' could not be found", span, hint))


def stage_named(dockerfile: Dockerfile, name: str, before: int) -> Stage | None:
    """The latest stage of that name above stage number `before`."""
    return next((s for s in reversed(dockerfile.stages[:before]) if s.name and s.name == name), None)


def sources_of(instruction: Instruction) -> Sequence[tuple[str, Span]]:
    """What an instruction reads from besides the main context: names as written in `--from` and mounts' `from`."""
    if isinstance(instruction, Copy) and instruction.from_ is not None:
        return [(instruction.from_, instruction.span)]
    if isinstance(instruction, Run):
        found = [(dict(mount.options).get("from"), mount.span) for mount in instruction.mounts]
        return [(name, span) for name, span in found if name]
    return []


def source_stage(dockerfile: Dockerfile, name: str, stage: Stage, span: Span, numeric: bool) -> Stage | None:
    """The stage that `--from=name` inside `stage` means, None when it is no stage.

    Raises InputError for a stage that comes later, for itself, and for an index that does not exist.
    """
    span = place_of(span, f"--from={name}", f"from={name}")
    if numeric and name.isdecimal():
        if int(name) == stage.index:
            raise InputError(Diagnostic("stage-cycle", f"circular dependency detected on stage: {name}", span))
        if stage.index < int(name) < len(dockerfile.stages):
            raise _too_late(name, stage, span, "copy from")
        if int(name) > stage.index:
            raise InputError(
                Diagnostic("bad-stage-index", f"invalid stage index {name}", span, "count from 0, and look up")
            )
        return dockerfile.stages[int(name)]
    found = stage_named(dockerfile, name.lower(), stage.index)
    if found is not None:
        return found
    if stage.name and stage.name == name.lower():
        raise InputError(Diagnostic("stage-cycle", f"circular dependency detected on stage: {name}", span))
    if any(s.name == name.lower() for s in dockerfile.stages):
        raise _too_late(name, stage, span, "copy from" if numeric else "mount from")
    return None


def _too_late(name: str, stage: Stage, span: Span, what: str) -> InputError:
    here = stage.name or stage.index
    message = f"cannot {what} stage '{name}', it needs to be defined before current stage '{here}'"
    return InputError(Diagnostic("stage-order", message, span, f"move the stage '{name}' up"))


def reachable(dockerfile: Dockerfile, final: Stage, bases: Mapping[int, str], replaced: frozenset[str]) -> list[Stage]:
    """The stages that `final` needs, itself included, in file order.

    `bases`: stage index → expanded base name; `replaced`: names of stages that a named context stands in for.
    """
    todo = [final]
    seen: set[int] = set()
    while todo:
        stage = todo.pop()
        if stage.index in seen:
            continue
        seen.add(stage.index)
        if stage.name in replaced:
            continue
        base = stage_named(dockerfile, bases[stage.index], stage.index)
        if base is not None:
            todo.append(base)
        for instruction in stage.instructions:
            for name, span in sources_of(instruction):
                source = source_stage(dockerfile, name, stage, span, isinstance(instruction, Copy | Add))
                if source is not None:
                    todo.append(source)
    return [stage for stage in dockerfile.stages if stage.index in seen]
