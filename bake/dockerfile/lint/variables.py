"""Rules about variables: used without a value, in FROM and in stages."""

from __future__ import annotations

from collections.abc import Iterator

from bake.dockerfile.instructions import Arg, Env
from bake.dockerfile.lint.rule import Finding
from bake.dockerfile.lint.scopes import expanded, global_scope, uses
from bake.dockerfile.lint.suggest import Suggestions
from bake.dockerfile.lint.view import View
from bake.oci.reference import parse_reference

_SHORTEST_TYPO = 5
"""Below a base image that is not known, a shorter name may well be one that the image sets."""


def undefined_var(view: View) -> Iterator[Finding]:
    """Where the base image's variables are not known, only names that this Dockerfile itself makes suspicious count.

    Those are the ones that it declares elsewhere (before the first FROM, in another stage), and likely typing errors.
    """
    elsewhere = set(view.outside.predefined) | {
        name for at in view.of(Arg, Env) if isinstance(at.item, Arg | Env) for name, _ in at.item.pairs
    }
    suggestions = Suggestions()
    for use in uses(view):
        near = suggestions.near(use.name, use.known)
        typo = near is not None and len(use.name) >= _SHORTEST_TYPO
        if use.complete or use.name in elsewhere or typo:
            maybe = f" (did you mean ${near}?)" if near else ""
            yield Finding(use.at, f"Usage of undefined variable '${use.name}'{maybe}", use.span)


def undefined_arg_in_from(view: View) -> Iterator[Finding]:
    scope = global_scope(view, view.outside.args)
    declared = {name for arg in view.dockerfile.args for name, _ in arg.pairs} | set(view.outside.predefined)
    known, suggestions = sorted(declared), Suggestions()
    for stage, at in view.stages():
        for text in (stage.platform or "", stage.base):
            for name in expanded(view, text, scope).unset:
                if name in declared:
                    continue
                near = suggestions.near(name, known)
                maybe = f" (did you mean {near}?)" if near else ""
                yield Finding(at, f"FROM argument '{name}' is not declared{maybe}", at.variable(name))


def invalid_default_arg_in_from(view: View) -> Iterator[Finding]:
    """As if no build argument were given."""
    scope = global_scope(view, {})
    for stage, at in view.stages():
        if "$" not in stage.base:
            continue
        try:
            parse_reference(expanded(view, stage.base, scope).text)
        except ValueError:
            message = f"Default value for ARG {stage.base} results in empty or invalid base image name"
            yield Finding(at, message, at.find(stage.base))
