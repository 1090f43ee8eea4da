"""`# syntax=`: the front end that a Dockerfile is written for. Ours is the standard one.

Every engine gets the same plan, which is compiled here; so no engine can run a front end of somebody else.
"""

from __future__ import annotations

from bake.dockerfile.directives import read_directives
from bake.errors import Diagnostic, InputError, Source, Span
from bake.oci.reference import parse_reference

_STANDARD = ("docker/dockerfile", "docker/dockerfile-upstream")


def check_frontend(source: Source, override: str | None, place: Span | None) -> None:
    """Raises InputError for another front end than the standard one, which alone would understand the text.

    `override`: the value of the build argument BUILDKIT_SYNTAX, which stands at `place`. Also raises InputError for
    directives that are wrong.
    """
    directives = read_directives(source)
    syntax, span = (override, place) if override else (directives.syntax, directives.syntax_span)
    if syntax is None or is_standard(syntax):
        return
    message = f"this is written for the front end {syntax.split()[0]}, which bake, on any engine, does not run"
    hint = (
        "if it is a Dockerfile for all that, use `# syntax=docker/dockerfile:1`; else build it with its own tools "
        'and name the image in `contexts`: "docker-image://…"'
    )
    raise InputError(Diagnostic("foreign-frontend", message, span, hint))


def is_standard(syntax: str) -> bool:
    """Whether a value of `# syntax=` names the standard front end, in whatever version, channel or mirror of it."""
    words = syntax.split()
    try:
        repository = parse_reference(words[0]).repository if words else ""
    except ValueError:
        return False
    return any(repository == name or repository.endswith(f"/{name}") for name in _STANDARD)
