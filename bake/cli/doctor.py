"""`bake doctor`: what this host can do."""

from __future__ import annotations

import os
import sys

import click

from bake.cli.flags import options
from bake.errors import HostError


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Show each setting and where it comes from, try what builds need, and say how to get what is missing.

    The exit code is 4 when RUN steps cannot be run here.
    """
    from dataclasses import asdict

    from bake.app.examining import examine
    from bake.cli.interrupt import run_async
    from bake.render.examination import examination_json, examination_text
    from bake.render.style import columns, style_for

    found = run_async(lambda: examine(options((), {})))
    data = {**asdict(found), "can_run": found.can_run}
    if as_json:
        text = examination_json(data)
    else:
        text = examination_text(data, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)
    return 0 if found.can_run else HostError.exit_code
