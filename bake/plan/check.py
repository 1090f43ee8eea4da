"""Targets + texts → everything that is wrong or odd about their Dockerfiles, as far as that can be told offline.

Each target is compiled as for a build, on base images of which nothing is known; so what a build would refuse for
another reason than its base images is found here. Then each Dockerfile is linted, once for each way it is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bake.dockerfile.instructions import Arg, Dockerfile, Onbuild
from bake.dockerfile.lint import CHECK_ARG, lint
from bake.dockerfile.parse import parse_instruction
from bake.errors import Diagnostic, InputError, Span
from bake.oci.platform import Platform
from bake.plan.compile import Compiler, Siblings, platforms_of, problems_of
from bake.plan.contexts import LocalContext
from bake.plan.facts import Facts, Needs
from bake.plan.linting import ignore_patterns, outside_of, reached_stages
from bake.plan.reads import large_contexts, missing_sources
from bake.plan.recipe import Recipe
from bake.plan.remote import Open
from bake.plan.step import FrontendOp
from bake.plan.unknown import UnknownImages
from bake.spec.target import Target

_SYNTAX = ("syntax error", "unsupported modifier", "unexpected end", "invalid pattern")
"""What is wrong with a word whatever the variables are; `${x:?…}` may fail only because a base image is not known."""
_NO_ARG = ("BUILDKIT_", "SOURCE_DATE_EPOCH", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
"""Build arguments that need no ARG (dockerfile.md §5)."""


@dataclass(frozen=True)
class _Built:
    """A target's Dockerfile as that target builds it; `reached`: indices of the stages that takes."""

    target: Target
    recipe: Recipe
    reached: frozenset[int]
    ignore: tuple[str, ...]


def check_targets(
    targets: Sequence[Target], siblings: Siblings, facts: Facts, build_platform: Platform
) -> tuple[Diagnostic, ...] | Needs:
    """All findings; or the Needs (only `texts` and the names in `trees`) that keep them from being made."""
    compiler = Compiler(siblings, replace(facts, images=UnknownImages()), build_platform)
    found: list[Diagnostic] = []
    for target in targets:
        found += filter(_certain, problems_of(compiler, target))
    if compiler.needs.texts or compiler.needs.trees:
        return compiler.needs
    built = [b for target in targets if (b := _built(compiler, target, build_platform)) is not None]
    if compiler.needs.texts or compiler.needs.trees:
        return compiler.needs
    found += compiler.warnings
    found += _unread(compiler)
    found += missing_sources(compiler.graph, facts.trees)
    contexts = ((one.recipe.main, one.target.span("context")) for one in built)
    places = {context.root: span for context, span in contexts if isinstance(context, LocalContext)}
    found += large_contexts(compiler.graph, facts.trees, places)
    found += _linted(built)
    found += _unused_args(built)
    return tuple(_once_a_place(found))


def _once_a_place(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Each finding once; what a whole matrix lacks, or all that inherit a name, is one finding."""
    missing: dict[tuple[str, Span | None], list[Diagnostic]] = {}
    for each in dict.fromkeys(found):
        if each.code in ("no-context", "no-dockerfile"):
            missing.setdefault((each.code, each.span), []).append(each)
        else:
            yield each
    for first, *others in missing.values():
        more = f" (nor for {len(others)} other target{'s' * (len(others) > 1)})" if others else ""
        yield replace(first, message=f"{first.message}{more}")


def _unread(compiler: Compiler) -> Iterator[Diagnostic]:
    """Texts of which only their own front end can tell what is wrong."""
    for id_, step in compiler.graph.steps.items():
        if isinstance(step.op, FrontendOp):
            message = f"this is not checked: only the front end {step.op.reference} knows what it means"
            span = next((origin.span for origin in compiler.graph.origins.get(id_, ())), None)
            yield Diagnostic("frontend-unknown", message, span, severity="info")


def _certain(diagnostic: Diagnostic) -> bool:
    return diagnostic.code != "bad-substitution" or any(text in diagnostic.message for text in _SYNTAX)


def _built(compiler: Compiler, target: Target, build_platform: Platform) -> _Built | None:
    """None where there is no Dockerfile (yet) that could be read; the first platform stands for all."""
    try:
        recipe = Recipe(compiler, target, platforms_of(target, build_platform)[0])
        return _Built(target, recipe, reached_stages(recipe), ignore_patterns(recipe))
    except (InputError, Open):
        return None


def _linted(built: Iterable[_Built]) -> Iterator[Diagnostic]:
    reached: dict[int, set[int]] = {}
    for one in built:
        reached.setdefault(id(one.recipe.dockerfile), set()).update(one.reached)
    linted: set[object] = set()
    for one in built:
        dockerfile = one.recipe.dockerfile
        likeness = _likeness(one)
        if likeness in linted:
            continue
        linted.add(likeness)
        outside = outside_of(one.recipe, frozenset(reached[id(dockerfile)]), one.ignore)
        yield from lint(dockerfile, outside)


def _likeness(one: _Built) -> object:
    """The same for two targets whose Dockerfile has the same findings: values matter where a FROM or `# check=` may."""
    recipe = one.recipe
    outer = {name for arg in recipe.dockerfile.args for name, _ in arg.pairs} | {CHECK_ARG}
    values = frozenset((name, value if name in outer else "") for name, value in recipe.build_args.items())
    return id(recipe.dockerfile), one.ignore, frozenset(recipe.contexts), recipe.platform, values


def _unused_args(built: Iterable[_Built]) -> Iterator[Diagnostic]:
    """Values of `args` that no Dockerfile declares; what many targets share is used when one of them uses it."""
    used: dict[tuple[Span, str], bool] = {}
    built = list(built)
    triggered = frozenset(name for one in built for name in _triggered(one.recipe.dockerfile))
    for one in built:
        declared = _declared(one.recipe.dockerfile) | triggered
        for name in one.target.args:
            span = one.target.span(f"args.{name}")
            if span is not None and not name.upper().startswith(_NO_ARG):
                here = name in declared or name.startswith(("TARGET", "BUILD"))
                used[span, name] = used.get((span, name), False) or here
    for (span, name), somewhere in used.items():
        if not somewhere:
            hint = f"add `ARG {name}` to the Dockerfile, or remove it here"
            yield Diagnostic("unused-arg", f"no Dockerfile declares ARG {name}", span, hint, "warning")


def _triggered(dockerfile: Dockerfile) -> Iterator[str]:
    """ARGs that an ONBUILD declares in whatever is FROM this image, which may be a target of the same spec."""
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            if isinstance(instruction, Onbuild) and instruction.trigger.split(None, 1)[0].upper() == "ARG":
                trigger = parse_instruction(instruction.trigger, instruction.span)
                yield from (name for name, _ in trigger.pairs) if isinstance(trigger, Arg) else ()


def _declared(dockerfile: Dockerfile) -> frozenset[str]:
    body = (instruction for stage in dockerfile.stages for instruction in stage.instructions)
    args = [*dockerfile.args, *(instruction for instruction in body if isinstance(instruction, Arg))]
    return frozenset(name for arg in args for name, _ in arg.pairs)
