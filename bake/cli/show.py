"""`bake list` and `bake print`: the spec, looked at without building."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options


@command("list", SPEC)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_(as_json: bool, **flags: Any) -> None:
    """List targets, groups and variables."""
    from bake.app.listing import list_ as work
    from bake.render.listing import listing_json, listing_text
    from bake.render.style import columns, style_for

    found = work(options((), flags))
    if as_json:
        text = listing_json(found)
    else:
        text = listing_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)


@command("print", SPEC)
@click.argument("targets", nargs=-1, shell_complete=target_items)
def print_(targets: Sequence[str], **flags: Any) -> None:
    """Print the resolved spec as JSON; values of sensitive variables are hidden."""
    import json

    from bake.app.listing import print_ as work

    click.echo(json.dumps(work(options(targets, flags)), indent=2, ensure_ascii=False))
