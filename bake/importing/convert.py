"""Source texts → one bake.toml and the notes.

Several files are put together as the peer does it (reference/buildx-bake.md §3): all compose files are one project, and
over its targets come those of the HCL and JSON files in the order given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bake.errors import Diagnostic, InputError, Source
from bake.importing.check import checked
from bake.importing.draft import Draft
from bake.importing.files import Fetch, Files
from bake.importing.hcl.nodes import Body
from bake.importing.notes import SIZE_LIMIT, Notes, Text, fault

_COMPOSE = "yaml"


@dataclass(frozen=True, slots=True)
class Conversion:
    """`text`: the bake.toml; `notes`: what could not be carried over as it was, in the order of the sources."""

    text: str
    notes: tuple[Diagnostic, ...]


def _nothing(_: str) -> str | None:
    return None


def convert(*sources: Source, fetch: Fetch = _nothing) -> Conversion:
    """The kind of each is told by the suffix of its name. `fetch` reads what compose files name (`include`, …).

    Raises InputError, with a place.
    """
    for source in sources:
        kind_of(source.name)
        if len(source.text) > SIZE_LIMIT:
            raise too_large(source)
    files = Files()
    notes = Notes(files)
    try:
        text = checked(_draft(sources, files, notes, fetch), notes)
    except RecursionError:
        raise fault(files, 0, "the file is nested too deeply", code="nested-too-deeply") from None
    return Conversion(text, notes.all())


def _draft(sources: tuple[Source, ...], files: Files, notes: Notes, fetch: Fetch) -> Draft:
    composed = [source for source in sources if kind_of(source.name) == _COMPOSE]
    below = Draft()
    if composed:
        from bake.importing.compose.project import draft_of as compose_draft

        below = compose_draft(composed, files, notes, fetch)
    others = [source for source in sources if kind_of(source.name) != _COMPOSE]
    if not others:
        return below
    from bake.importing.hcl.project import draft_of

    bodies = [_READERS[kind_of(source.name)](files, *files.add(source)) for source in others]
    return draft_of(_joined(bodies), notes, below)


def _joined(bodies: list[Body]) -> Body:
    attributes = tuple(each for body in bodies for each in body.attributes)
    blocks = tuple(each for body in bodies for each in body.blocks)
    return Body(attributes, blocks, tuple(line for body in bodies for line in body.below))


def too_large(source: Source) -> InputError:
    """The error for a file beyond the limit."""
    message = f"the file is larger than {SIZE_LIMIT // 1024} KB, which no definition is"
    return fault(source, 0, message, code="file-too-large")


def kind_of(name: str) -> str:
    """`hcl`, `json` or `yaml`; raises InputError for another suffix."""
    suffix = name.rpartition(".")[2].lower()
    kind = _SUFFIXES.get(suffix)
    if kind is None:
        hint = "docker-bake.hcl, docker-bake.json and compose.yaml can be imported"
        raise InputError(Diagnostic("unknown-format", f"{name}: the suffix is none that tells what it is", hint=hint))
    return kind


def _hcl(source: Text, start: int, end: int) -> Body:
    from bake.importing.hcl.blocks import parse_hcl

    return parse_hcl(source, start, end)


def _json(source: Text, start: int, end: int) -> Body:
    from bake.importing.hcl.json import parse_json

    return parse_json(source, start, end)


_SUFFIXES = {"hcl": "hcl", "json": "json", "yaml": _COMPOSE, "yml": _COMPOSE}
_READERS: Mapping[str, Callable[[Text, int, int], Body]] = {"hcl": _hcl, "json": _json}
