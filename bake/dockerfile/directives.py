"""Parser directives: `# syntax=`, `# escape=`, `# check=` at the very top (reference/dockerfile.md §1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bake.dockerfile.lines import BOM
from bake.errors import Diagnostic, InputError, Source, Span

_FORM = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z")
CHECK_ARG = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument whose value replaces that of `# check=`."""
SYNTAX_ARG = "BUILDKIT_SYNTAX"
"""The same for `# syntax=`."""
_NAMES = ("syntax", "escape", "check")


@dataclass(frozen=True, slots=True)
class Directives:
    """`lines` is how many physical lines they take; `check_span` and `syntax_span` are the lines of these two."""

    syntax: str | None = None
    escape: str = "\\"
    check: str | None = None
    check_span: Span | None = None
    syntax_span: Span | None = None
    lines: int = 0


def read_directives(source: Source) -> Directives:
    """Reads until the first line that is none. Raises InputError for a repeated or invalid one."""
    found: dict[str, str] = {}
    spans: dict[str, Span] = {}
    number = 0
    for number, row in enumerate(source.text.removeprefix(BOM).split("\n"), 1):
        stripped = row.rstrip("\r").lstrip()
        form = _FORM.match(stripped[1:].lstrip()) if stripped.startswith("#") else None
        name = form[1].lower() if form else ""
        if form is None or name not in _NAMES:
            number -= 1
            break
        spans[name] = span = Span(source, number, 1, number, len(row.rstrip("\r")) + 1)
        if name in found:
            message = f"only one {name} parser directive can be used"
            raise InputError(Diagnostic("repeated-directive", message, span, "remove one of them"))
        if name == "escape" and form[2] not in ("\\", "`"):
            message = f"invalid escape token '{form[2]}' does not match ` or \\"
            raise InputError(Diagnostic("bad-escape", message, span, "# escape=` or no such line"))
        found[name] = form[2]
    return Directives(
        found.get("syntax"),
        found.get("escape", "\\"),
        found.get("check"),
        spans.get("check"),
        spans.get("syntax"),
        number,
    )
