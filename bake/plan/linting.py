"""A target's Dockerfile as the lint rules see it, and what keeps it from being built because it says so itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bake.dockerfile.lint import BaseFact, Outside, violations
from bake.errors import Diagnostic, InputError
from bake.oci.reference import parse_reference
from bake.plan.facts import Facts
from bake.plan.recipe import Recipe
from bake.plan.stages import find_target, reachable
from bake.plan.step import LocalOp
from bake.words import WordError, expand


def lint_errors(recipes: Iterable[Recipe], facts: Facts) -> list[Diagnostic]:
    """What builds fail of with `# check=error=true` (dockerfile.md §1.1, §14)."""
    found: dict[Diagnostic, None] = {}
    for recipe in recipes:
        outside = outside_of(recipe, reached_stages(recipe), ignore_patterns(recipe), _bases(recipe, facts))
        found.update(dict.fromkeys(violations(recipe.dockerfile, outside)))
    return list(found)


def outside_of(
    recipe: Recipe, reached: frozenset[int], ignore: tuple[str, ...], bases: Mapping[str, BaseFact] | None = None
) -> Outside:
    """What a target gives the rules beyond the file."""
    scope = recipe.global_scope
    return Outside(
        args=recipe.build_args,
        predefined={name: value for name, value in scope.items() if name.startswith(("TARGET", "BUILD"))},
        ignore=ignore,
        bases=bases or {},
        contexts=frozenset(recipe.contexts),
        reached=reached,
    )


def reached_stages(recipe: Recipe) -> frozenset[int]:
    """Indices of the stages that the target takes: all when it cannot be told, which is an error told elsewhere."""
    dockerfile = recipe.dockerfile
    try:
        bases = _base_names(recipe)
        final = find_target(dockerfile, recipe.target.target, None)
        return frozenset(s.index for s in reachable(dockerfile, final, bases, frozenset(recipe.contexts)))
    except (InputError, WordError):
        return frozenset(stage.index for stage in dockerfile.stages)


def ignore_patterns(recipe: Recipe) -> tuple[str, ...]:
    """Patterns of the main context's ignore file; none where that context is no directory."""
    try:
        step = recipe.context()
    except InputError:
        return ()
    op = recipe.graph.steps[step].op
    return op.ignore if isinstance(op, LocalOp) else ()


def _base_names(recipe: Recipe) -> dict[int, str]:
    """Raises WordError."""
    stages = recipe.dockerfile.stages
    return {s.index: expand(s.base, recipe.global_scope, escape=recipe.escape).text for s in stages}


def _bases(recipe: Recipe, facts: Facts) -> dict[str, BaseFact]:
    """What the configs of the base images say, by the names in FROM."""
    known = {query.reference: fact for query, fact in facts.images.items()}
    found: dict[str, BaseFact] = {}
    for name in _base_names(recipe).values():
        try:
            fact = known.get(str(parse_reference(name).with_default_tag()))
        except ValueError:
            continue
        if fact is not None:
            config = fact.config
            env = dict(line.partition("=")[::2] for line in config.config.env or ())
            platform = "/".join(filter(None, (config.os, config.architecture, config.variant)))
            found[name] = BaseFact(
                platform, env, shell=bool(config.config.shell), triggers=config.config.on_build or ()
            )
    return found
