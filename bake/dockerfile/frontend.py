"""`# syntax=`: the front end that a Dockerfile is written for. Ours is the standard one.

Texts for another one are in whatever language that one knows; only a builder can run it (docs/buildkit.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bake.dockerfile.directives import read_directives
from bake.dockerfile.lines import BOM
from bake.errors import Diagnostic, InputError, Source, Span
from bake.oci.reference import parse_reference

_STANDARD = ("docker/dockerfile", "docker/dockerfile-upstream")
_SLASHES = re.compile(r"(?:#![^\n]*\n)?//[ \t]*syntax[ \t]*=[ \t]*([^\r\n]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Frontend:
    """Another front end than ours. `syntax`: its image and what may follow it; `source`: the text that is for it."""

    syntax: str
    source: Source
    span: Span

    @property
    def image(self) -> str:
        """As written."""
        return self.syntax.split()[0]


class ForeignFrontend(InputError):
    """A text that is for another front end; as an error, that none can be run here."""

    def __init__(self, frontend: Frontend) -> None:
        message = f"this is written for the front end {frontend.image}, which the embedded engine does not run"
        hint = (
            "a BuildKit does: --engine buildkit --builder docker:// (or the address of a buildkitd); "
            "if it is a Dockerfile for all that, use `# syntax=docker/dockerfile:1`"
        )
        super().__init__(Diagnostic("foreign-frontend", message, frontend.span, hint))
        self.frontend = frontend


def check_frontend(source: Source, override: str | None, place: Span | None) -> None:
    """Raises ForeignFrontend for another front end than the standard one, which alone would understand the text.

    `override`: the value of the build argument BUILDKIT_SYNTAX, which stands at `place`. Also raises InputError for
    directives that are wrong.
    """
    syntax, span = (override, place) if override else _written(source)
    if syntax is not None and syntax.split() and not is_standard(syntax):
        raise ForeignFrontend(Frontend(syntax, source, span or source.span(0)))


def may_name_one(text: str) -> bool:
    """Whether it is worth looking; directives are the first lines of a text."""
    return "syntax" in (text if text.startswith("{") else text[:2000]).lower()


def _written(source: Source) -> tuple[str | None, Span | None]:
    """In a text: as a directive, in a `//` comment, or as a key of JSON (reference/dockerfile.md §1.1)."""
    text = source.text.removeprefix(BOM)
    slashes = _SLASHES.match(text)
    if slashes:
        before = len(source.text) - len(text)
        return slashes[1].strip(), source.span(before + text.index("//"), before + slashes.end())
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, dict) and isinstance(found.get("syntax"), str):
            return found["syntax"], source.span(0)
    directives = read_directives(source)
    return directives.syntax, directives.syntax_span


def is_standard(syntax: str) -> bool:
    """Whether a value of `# syntax=` names the standard front end, in whatever version, channel or mirror of it."""
    words = syntax.split()
    try:
        repository = parse_reference(words[0]).repository if words else ""
    except ValueError:
        return False
    return any(repository == name or repository.endswith(f"/{name}") for name in _STANDARD)
