"""`bake builders`: the builders of the settings, or those named, each asked how it is."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from bake.cli.flags import options
from bake.errors import HostError


@click.command("builders")
@click.option("--builder", "builders", metavar="ADDR,…", multiple=True, help="Ask these instead of the settings'.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def builders(as_json: bool, **flags: Any) -> int:
    """Show each builder: whether it answers, what it builds, how much it holds and has in use, how often it hits.

    The builders are those of the settings. The exit code is 4 when one does not answer.
    """
    from bake.app.builders import ask_builders
    from bake.cli.interrupt import run_async
    from bake.render.builders import builders_json, builders_text
    from bake.render.style import columns, style_for

    found = run_async(lambda: ask_builders(options((), flags)))
    if as_json:
        click.echo(builders_json(found), nl=False)
    else:
        click.echo(builders_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ)), nl=False)
    return HostError.exit_code if any(row.problem for row in found) else 0
