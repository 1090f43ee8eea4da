"""`bake check`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.flags import SPEC, options
from bake.errors import Diagnostic

_FAILED = 2


@command("check", SPEC)
@click.option("--format", "form", type=click.Choice(("text", "json", "sarif")), default="text", show_default=True,
              help="How findings are printed.")  # fmt: skip
def check(form: str, **flags: Any) -> int:
    """Find what is wrong or odd in the spec and in all Dockerfiles.

    Needs no network, engine or store. Ends with 0 when there are no errors, warnings or not, else with 2.
    """
    from bake.app.checking import check as work

    found = work(options((), flags))
    click.echo(_FORMS[form](found), nl=False)
    errors, warnings = (_count(found, severity) for severity in ("error", "warning"))
    if form == "text":
        click.echo(f"{_number(errors, 'error')}, {_number(warnings, 'warning')}", err=True)
    return _FAILED if errors else 0


def _text(found: Sequence[Diagnostic]) -> str:
    from bake.render.diagnostics import render
    from bake.render.style import style_for

    return render(found, style_for(sys.stdout, os.environ))


def _number(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _count(found: Sequence[Diagnostic], severity: str) -> int:
    return sum(diagnostic.severity == severity for diagnostic in found)


def _json(found: Sequence[Diagnostic]) -> str:
    import msgspec

    from bake.render.diagnostics import info_of

    return _pretty([msgspec.to_builtins(info_of(diagnostic)) for diagnostic in found])


def _sarif(found: Sequence[Diagnostic]) -> str:
    from bake import __version__
    from bake.render.sarif import sarif

    return _pretty(sarif(found, __version__))


def _pretty(data: object) -> str:
    import json

    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


_FORMS: Mapping[str, Callable[[Sequence[Diagnostic]], str]] = {"text": _text, "json": _json, "sarif": _sarif}
