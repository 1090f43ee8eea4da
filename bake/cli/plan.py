"""`bake plan`, which is also `bake build --dry-run`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, VIEW, options

if TYPE_CHECKING:
    from bake.app.options import Options


@command("plan", SPEC, BUILD, VIEW[:1])
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def plan(targets: Sequence[str], as_json: bool, progress: Any, **flags: Any) -> int:
    """Show for each step whether it would run, and why.

    Nothing is built; needs no engine and no secrets.
    """
    return show_plan(options(targets, flags), progress, as_json)


def show_plan(wanted: Options, progress: str, as_json: bool) -> int:
    """The plan on stdout, warnings on stderr."""
    from bake.app.predicting import plan as work
    from bake.cli.interrupt import run_async
    from bake.render.jsonl import JsonLines
    from bake.render.plan import plan_json, plan_table
    from bake.render.style import columns, style_for
    from bake.render.warnings import Warnings

    renderer = JsonLines(sys.stderr) if progress == "json" else Warnings(sys.stderr, os.environ)
    found = run_async(lambda: work(wanted, renderer.event))
    if as_json:
        text = plan_json(found.steps)
    else:
        text = plan_table(found.steps, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)
    return 0
