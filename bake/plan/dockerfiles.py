"""The Dockerfile of a target: written in the spec, or found in its context."""

from __future__ import annotations

from functools import lru_cache

from bake.dockerfile.directives import SYNTAX_ARG
from bake.dockerfile.frontend import check_frontend, may_name_one
from bake.dockerfile.instructions import Dockerfile
from bake.dockerfile.parse import parse
from bake.errors import Diagnostic, InputError, Source
from bake.plan.contexts import LocalContext, MainContext
from bake.spec.target import Target


def read_dockerfile(target: Target, context: MainContext, syntax: str | None) -> Dockerfile:
    """`syntax`: a front end that the target names. Raises InputError for a file that is missing or wrong, or for
    another front end than bake is; Open while it is not known.
    """
    inline = target.dockerfile_inline
    if inline is not None:
        return _checked(f"{target.name}:dockerfile-inline", inline, syntax, target)
    path = target.dockerfile
    written = context.text(path)
    if written is None and path.rpartition("/")[2] == "Dockerfile":
        path = path[: -len("Dockerfile")] + "dockerfile"
        written = context.text(path)
    if written is None:
        raise InputError(_missing(target, context))
    return _checked(context.shown(path), written, syntax, target)


def _missing(target: Target, context: MainContext) -> Diagnostic:
    absent = context.absent() if isinstance(context, LocalContext) else None
    if absent is not None:
        return absent
    message = f"target '{target.name}': there is no {context.shown(target.dockerfile)}"
    hint = "set `dockerfile`, `context` or `dockerfile-inline`"
    return Diagnostic("no-dockerfile", message, target.span("dockerfile") or target.span(""), hint)


def _checked(name: str, text: str, syntax: str | None, target: Target) -> Dockerfile:
    if syntax or may_name_one(text):
        check_frontend(Source(name, text), syntax, target.span(f"args.{SYNTAX_ARG}"))
    return _parsed(name, text)


@lru_cache(maxsize=4096)
def _parsed(name: str, text: str) -> Dockerfile:
    return parse(Source(name, text))
