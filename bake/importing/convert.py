"""One source text → the bake.toml and the notes: by the kind of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bake.errors import Diagnostic, InputError, Source
from bake.importing.check import checked
from bake.importing.draft import Draft
from bake.importing.notes import SIZE_LIMIT, Notes, fault


@dataclass(frozen=True, slots=True)
class Conversion:
    """`text`: the bake.toml; `notes`: what could not be carried over as it was, in the order of the source."""

    text: str
    notes: tuple[Diagnostic, ...]


def convert(source: Source) -> Conversion:
    """The kind is told by the suffix of the name. Raises InputError, with a place."""
    if len(source.text) > SIZE_LIMIT:
        raise too_large(source)
    notes = Notes(source)
    try:
        draft = _READERS[kind_of(source.name)](source, notes)
        text = checked(draft, notes)
    except RecursionError:
        raise fault(source, 0, "the file is nested too deeply", code="nested-too-deeply") from None
    return Conversion(text, notes.all())


def too_large(source: Source) -> InputError:
    """The error for a file beyond the limit."""
    message = f"the file is larger than {SIZE_LIMIT // 1024 // 1024} MB, which no definition is"
    return fault(source, 0, message, code="file-too-large")


def kind_of(name: str) -> str:
    """`hcl`, `json` or `yaml`; raises InputError for another suffix."""
    suffix = name.rpartition(".")[2].lower()
    kind = _SUFFIXES.get(suffix)
    if kind is None:
        hint = "docker-bake.hcl, docker-bake.json and compose.yaml can be imported"
        raise InputError(Diagnostic("unknown-format", f"{name}: the suffix is none that tells what it is", hint=hint))
    return kind


def _hcl(source: Source, notes: Notes) -> Draft:
    from bake.importing.hcl.blocks import parse_hcl
    from bake.importing.hcl.project import draft_of

    return draft_of(parse_hcl(source), notes)


def _json(source: Source, notes: Notes) -> Draft:
    from bake.importing.hcl.json import parse_json
    from bake.importing.hcl.project import draft_of

    return draft_of(parse_json(source), notes)


def _yaml(source: Source, notes: Notes) -> Draft:
    from bake.importing.compose.project import draft_of

    return draft_of(source, notes)


_SUFFIXES = {"hcl": "hcl", "json": "json", "yaml": "yaml", "yml": "yaml"}
_READERS: Mapping[str, Callable[[Source, Notes], Draft]] = {"hcl": _hcl, "json": _json, "yaml": _yaml}
