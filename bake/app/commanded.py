"""Outputs and statements that flags ask for, as overrides of the spec."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from bake.app.options import Options
from bake.errors import Diagnostic, InputError, Source
from bake.spec.entries import Entry, read_entry
from bake.spec.entry_tables import ATTEST, OUTPUT
from bake.spec.values import Refused


def overrides(options: Options) -> tuple[str, ...]:
    """`--set` forms of `-o`, `--provenance`, `--sbom`. Paths count from the working directory. Raises InputError."""
    tables = [_read("--output", OUTPUT, text) for text in options.outputs]
    placed = [_placed(table, os.path.abspath(options.directory)) for table in tables]
    outputs = (f"*.output=[{', '.join(map(_toml, placed))}]",) if placed else ()
    stated = (("provenance", options.provenance), ("sbom", options.sbom))
    return (*outputs, *(_statement(kind, text) for kind, text in stated if text is not None))


def _statement(kind: str, text: str) -> str:
    """`true` and `false` as the peer reads them, else options in comma form."""
    known = {"true": "", "1": "", "false": ",disabled=true", "0": ",disabled=true"}
    table = _read(f"--{kind}", ATTEST, f"type={kind}{known.get(text.lower(), f',{text}')}")
    return f"*.attest+=[{_toml(table)}]"


def taken_stdout(options: Options) -> str:
    """Why an archive cannot be written to stdout, "" when it can."""
    if options.json:
        return "the report is printed there"
    return "it is a terminal" if sys.stdout.isatty() else ""


def _read(flag: str, entry: Entry, text: str) -> Mapping[str, object]:
    try:
        return read_entry(entry, text)
    except Refused as problem:
        span = Source(f"<{flag}>", text).span(0, len(text))
        found = (problem, *problem.others)
        raise InputError([Diagnostic(p.code, p.message, span, p.hint) for p in found]) from None


def _placed(table: Mapping[str, object], directory: str) -> Mapping[str, object]:
    dest = table.get("dest")
    if not isinstance(dest, str) or dest == "-":
        return table
    return {**table, "dest": os.path.join(directory, os.path.expanduser(dest))}


def _toml(table: Mapping[str, object]) -> str:
    """An inline table; JSON's texts, numbers and booleans are TOML's too."""
    return "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items()) + "}"
