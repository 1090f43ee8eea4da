"""The builders that flags and settings name, as one chooses among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bake.app.options import Options
from bake.errors import Diagnostic, InputError
from bake.ports.files import Files
from bake.settings import Builder, Settings, size_of

if TYPE_CHECKING:
    from bake.engine.buildkit.choice import Candidate

ALONE = 32
"""Solves at once on a builder that no setting says anything of."""


def candidates(
    options: Options, settings: Settings, environment: Mapping[str, str], files: Files
) -> tuple[Candidate, ...]:
    """Those of `--builder`, with what the settings say of them, else all of the settings. Raises InputError.

    `files` remember the platforms of builders that were met before.
    """
    from bake.engine.buildkit.address import parse_address
    from bake.engine.buildkit.choice import Candidate
    from bake.engine.buildkit.known import recall

    most = options.jobs
    made: list[Candidate] = []
    for row in _wanted(options.builders, {row.addr: row for row in settings.builders}):
        known = recall(files, parse_address(row.addr, environment))
        platforms = row.platforms or (known.platforms if known is not None else ())
        slots, memory = min(row.slots, most) if most else row.slots, size_of(row.memory or "0")
        made.append(Candidate(row.addr, platforms, row.labels, slots, memory, row.cpus))
    return tuple(made)


def _wanted(named: Sequence[str], rows: Mapping[str, Builder]) -> list[Builder]:
    """The builders that `--builder` names, by address or by a label of the settings; all of the settings without it."""
    found: list[Builder] = []
    for text in named:
        label, sign, value = text.partition("=")
        if sign and "://" not in text:
            found += [row for row in rows.values() if row.labels.get(label) == value]
        else:
            found.append(rows.get(text, Builder(text, slots=ALONE)))
    found = list({row.addr: row for row in found}.values()) if named else list(rows.values())
    if not found:
        message = f"no builder of the settings is labelled {', '.join(named)}" if named else "no builder is named"
        hint = "name one: --builder docker://, or `builders` in the settings"
        raise InputError(Diagnostic("no-builders", f"--engine buildkit: {message}", hint=hint))
    return found
