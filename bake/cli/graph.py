"""`bake graph`: how targets hang together."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options

FORMATS = ("text", "mermaid", "dot", "svg", "json")


@command("graph", SPEC)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="How it is drawn.")
def graph(targets: Sequence[str], format: Any, **flags: Any) -> None:
    """Show which targets build on which, and what only comes after what.

    Nothing is built, and no registry is asked.
    """
    from bake.app.graphing import graph as work
    from bake.render.diagnostics import render
    from bake.render.graph import graph_text
    from bake.render.style import style_for

    found = work(options(targets, flags))
    click.echo(graph_text(found, format, style_for(sys.stdout, os.environ)), nl=False)
    click.echo(render(found.problems, style_for(sys.stderr, os.environ)), nl=False, err=True)
