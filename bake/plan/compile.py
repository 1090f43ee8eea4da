"""Targets + facts → the step graph of all of them, or what must still be known (DESIGN §1).

Pure: the same targets and facts give the same plan on every machine. Errors of all targets are raised together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bake.dockerfile.directives import CHECK_ARG
from bake.dockerfile.frontend import ForeignFrontend
from bake.errors import Diagnostic, InputError
from bake.oci.platform import Platform, parse_platform
from bake.plan.bases import as_base
from bake.plan.facts import Facts, Needs
from bake.plan.frontend import lower_frontend, with_config
from bake.plan.graph import Graph
from bake.plan.hide import hidden
from bake.plan.lower.stage import Lowered
from bake.plan.outcome import Image, Plan
from bake.plan.recipe import Recipe
from bake.plan.remote import Open
from bake.plan.step import StepId
from bake.plan.tests import add_tests
from bake.spec.target import Target


class Siblings(Protocol):
    """The other targets of the spec, resolved when asked for."""

    def target(self, name: str) -> Target:
        """Raises InputError for a name that is no target."""

    def owner(self, reference: str) -> str | None:
        """The target that has this (normalised) reference among its tags."""


class Compiler:
    """One compilation. A target is lowered once a platform, whoever asks for it."""

    def __init__(
        self,
        siblings: Siblings,
        facts: Facts,
        build_platform: Platform,
        no_cache: bool = False,
        pull: bool = False,
        args: Mapping[str, str] | None = None,
        native: Collection[Platform] = (),
    ) -> None:
        self.siblings = siblings
        self.facts = facts
        self.build_platform = build_platform
        self._native = native
        self.no_cache = no_cache
        self.pull = pull
        self.args = dict(args or {})
        self.graph = Graph()
        self.needs = Needs()
        self.targets: dict[str, Target] = {}
        self.edges: dict[str, dict[str, None]] = {}
        self.warnings: list[Diagnostic] = []
        self.recipes: list[Recipe] = []
        self._done: dict[tuple[str, Platform], Lowered] = {}
        self._unmade: dict[tuple[str, Platform], Open | InputError] = {}
        self._open: list[str] = []

    def build_platform_of(self, image: Platform) -> Platform:
        """What stages for the build platform are built on, of an image for this one."""
        return image if image in self._native else self.build_platform

    def lowered(self, target: Target, platform: Platform) -> Lowered:
        """The target's final stage. Raises Open while an image is not known yet, InputError for what is wrong."""
        key = (target.name, platform)
        if key in self._done:
            return self._done[key]
        if key in self._unmade:
            raise self._unmade[key].with_traceback(None)
        if target.name in self._open:
            circle = " → ".join([*self._open[self._open.index(target.name) :], target.name])
            message = f"targets build on each other in a circle: {circle}"
            raise InputError(Diagnostic("target-cycle", message, target.span("contexts")))
        self.targets[target.name] = target
        self._open.append(target.name)
        try:
            result = self._lowered(target, platform)
        except (Open, InputError) as reason:
            self._unmade[key] = reason  # else each of its users would try again, and each of theirs twice as often
            raise
        finally:
            self._open.pop()
        self._done[key] = result
        return result

    def _lowered(self, target: Target, platform: Platform) -> Lowered:
        try:
            recipe = Recipe(self, target, platform)
        except ForeignFrontend as foreign:
            if self.facts.frontends is None:
                raise
            return lower_frontend(self, target, platform, foreign)
        result = recipe.build()
        self.recipes.append(recipe)
        return result

    def finished(self, lowered: Lowered) -> Lowered:
        """With the config that a front end tells, where that is what makes the image. Raises Open."""
        if lowered.opaque is None:
            return lowered
        assert self.facts.frontends is not None
        config = self.facts.frontends.get(lowered.opaque)
        if config is None:
            self.needs.frontends[lowered.opaque] = self._below(lowered.opaque)
            raise Open
        return with_config(lowered, config)

    def _below(self, step: StepId) -> Plan:
        """A plan that makes nothing but this step's result."""
        steps = self.graph.below(step)
        origins = {id: tuple(self.graph.origins.get(id, ())) for id in steps}
        return Plan(steps, origins, (), dict(self.targets), (), {})

    @property
    def asker(self) -> str:
        """The target that is being lowered."""
        return self._open[-1]

    def sibling(self, user: Target, name: str, platform: Platform) -> Lowered:
        """The image of another target, as a base."""
        self.edges.setdefault(user.name, {})[name] = None
        target = self.siblings.target(name)
        return as_base(self.lowered(target, platform), dict(target.labels))


def compile_plan(
    requested: Sequence[Target],
    siblings: Siblings,
    facts: Facts,
    build_platform: Platform,
    *,
    no_cache: bool = False,
    pull: bool = False,
    args: Mapping[str, str] | None = None,
    native: Collection[Platform] = (),
) -> Plan | Needs:
    """The plan of the requested targets and what they build on; or the Needs that keep it from being compiled.

    `args` are build arguments of every target that does not set them itself. `native`: platforms that some machine
    runs by itself; an image of such a one has it as its BUILDPLATFORM, every other image `build_platform`.

    A plan may itself have `needs` (contexts to scan, URLs to fetch): steps do not depend on those, keys do.
    """
    compiler = Compiler(siblings, facts, build_platform, no_cache, pull, args, native)
    images: dict[tuple[str, str], Image] = {}
    errors: list[Diagnostic] = []
    waiting = False
    for target in _with_order_edges(requested, siblings):
        for platform in platforms_of(target, build_platform):
            try:
                lowered = compiler.lowered(target, platform)
                tested = compiler.finished(lowered) if target.test else lowered
            except Open:
                waiting = True
            except InputError as error:
                errors += [d for d in error.diagnostics if d not in errors]
            else:
                tests = add_tests(compiler.graph, target, platform, tested)
                images[target.name, str(platform)] = replace(_image(target, platform, lowered), tests=tests)
    if errors:
        raise InputError(errors)
    if waiting:
        return compiler.needs
    _refuse_violations(compiler)
    steps = compiler.graph.steps
    plan = Plan(
        steps=steps,
        origins={step: tuple(origins) for step, origins in compiler.graph.origins.items()},
        images=tuple(images.values()),
        targets={**{target.name: target for target in requested}, **compiler.targets},
        requested=tuple(target.name for target in requested),
        edges={name: tuple(links) for name, links in compiler.edges.items()},
        needs=compiler.needs,
        warnings=tuple(dict.fromkeys(compiler.warnings)),
    )
    return hidden(plan)


def problems_of(compiler: Compiler, target: Target) -> Iterator[Diagnostic]:
    """What is wrong with a target on any of its platforms; that an image is not known yet is no problem."""
    for platform in platforms_of(target, compiler.build_platform):
        try:
            compiler.lowered(target, platform)
        except Open:
            continue
        except InputError as error:
            yield from error.diagnostics


def _refuse_violations(compiler: Compiler) -> None:
    """Raises InputError for the Dockerfiles that say `# check=error=true` and meet a rule."""
    strict = [each for each in compiler.recipes if each.dockerfile.check or CHECK_ARG in each.build_args]
    if strict:
        from bake.plan.linting import lint_errors

        found = lint_errors(strict, compiler.facts)
        if found:
            raise InputError(found)


def platforms_of(target: Target, build_platform: Platform) -> tuple[Platform, ...]:
    """The platforms a target is built for, in order; `local` is the builder's."""
    names = target.platforms or ("local",)
    return tuple(dict.fromkeys(build_platform if name == "local" else parse_platform(name) for name in names))


def _with_order_edges(requested: Sequence[Target], siblings: Siblings) -> list[Target]:
    """The requested targets and, before them, those they come `after`."""
    found: dict[str, Target] = {}
    todo = list(requested)[::-1]
    while todo:
        target = todo.pop()
        if target.name in found:
            continue
        found[target.name] = target
        todo.extend(siblings.target(name) for name in target.after if name not in found)
    return list(found.values())


def _image(target: Target, platform: Platform, lowered: Lowered) -> Image:
    import msgspec

    run = lowered.config.config
    if target.labels:
        run = msgspec.structs.replace(run, labels={**(run.labels or {}), **target.labels})
    config = msgspec.structs.replace(
        lowered.config, os=platform.os, architecture=platform.arch, variant=platform.variant, config=run
    )
    return Image(
        target.name,
        platform,
        lowered.step,
        config,
        lowered.layers,
        lowered.history,
        epoch=lowered.epoch,
        opaque=lowered.opaque,
    )
