"""Rules about FROM lines."""

from __future__ import annotations

from collections.abc import Iterator

from bake.dockerfile.instructions import Stage
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import expanded, global_scope
from bake.dockerfile.lint.view import View, Written
from bake.errors import Span
from bake.oci.platform import parse_platform

RESERVED = ("context", "scratch")


def duplicate_stage_name(view: View) -> Iterator[Finding]:
    seen: set[str] = set()
    for stage, at in view.stages():
        if stage.name and stage.name in seen:
            message = f'Duplicate stage name "{stage.name}", stage names should be unique'
            yield Finding(at, message, _name_span(at))
        seen.add(stage.name)


def reserved_stage_name(view: View) -> Iterator[Finding]:
    for stage, at in view.stages():
        if stage.name in RESERVED:
            message = f'Stage name should not use the same name as reserved stage "{stage.name}"'
            yield Finding(at, message, _name_span(at))


def redundant_target_platform(view: View) -> Iterator[Finding]:
    """TARGETPLATFORM is all that is looked up, and its value what comes out."""
    scope = global_scope(view, view.outside.args)
    for stage, at in view.stages():
        found = expanded(view, stage.platform or "", scope)
        if found.used == ("TARGETPLATFORM",) and found.text == scope.get("TARGETPLATFORM", ""):
            message = (
                f"Setting platform to predefined {stage.platform} in FROM is redundant as this is the default behavior"
            )
            yield Finding(at, message, at.find(stage.platform or ""))


def constant_platform(view: View) -> Iterator[Finding]:
    """A stage that says in its name what platform it is for may be for that one."""
    for stage, at in view.stages():
        if stage.platform is None or "$" in stage.platform:
            continue
        try:
            platform = parse_platform(stage.platform)
        except ValueError:
            continue
        if platform.os not in stage.name and platform.arch not in stage.name:
            message = f'FROM --platform flag should not use constant value "{stage.platform}"'
            yield Finding(at, message, at.find(stage.platform))


def invalid_base_image_platform(view: View) -> Iterator[Finding]:
    """Only for base images that are known."""
    scope = global_scope(view, view.outside.args)
    for stage, at in view.stages():
        name = expanded(view, stage.base, scope).text
        fact = view.outside.bases.get(name)
        wanted = _wanted(view, stage, scope)
        if fact is not None and wanted and _os_arch(fact.platform) != _os_arch(wanted):
            message = (
                f'Base image {name} was pulled with platform "{fact.platform}", expected "{wanted}" for current build'
            )
            yield Finding(at, message, at.find(stage.base))


def unused_stage(view: View) -> Iterator[Finding]:
    """Our own: no target builds it, on its way to another stage or for itself."""
    reached = view.outside.reached
    if reached is None:
        return
    for stage, at in view.stages():
        if stage.index not in reached:
            what = f"Stage '{stage.name}'" if stage.name else f"Stage {stage.index}"
            yield Finding(at, f"{what} is not built by any target", at.span)


def _wanted(view: View, stage: Stage, scope: dict[str, str]) -> str:
    if stage.platform is not None:
        return expanded(view, stage.platform, scope).text
    return scope.get("TARGETPLATFORM", "")


def _os_arch(platform: str) -> tuple[str, ...]:
    try:
        parsed = parse_platform(platform)
    except ValueError:
        return (platform,)
    return parsed.os, parsed.arch


def _name_span(at: Written) -> Span:
    name, offset = at.words()[-1]
    return at.logical.span(offset, offset + len(name))
