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
@click.option("--format", "form", type=click.Choice(("text", "json", "md")), default="text", show_default=True,
              help="How the plan is printed.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
def plan(targets: Sequence[str], form: str, as_json: bool, progress: Any, **flags: Any) -> int:
    """Show for each step whether it would run, and why, what would be published, and how long it may take.

    Nothing is built; needs no engine and no secrets.
    """
    return show_plan(options(targets, flags), progress, "json" if as_json else form)


def show_plan(wanted: Options, progress: str, form: str) -> int:
    """The plan on stdout, warnings on stderr."""
    from bake.app.predicting import plan as work
    from bake.cli.interrupt import run_async
    from bake.render.jsonl import JsonLines
    from bake.render.plan import plan_json, plan_text
    from bake.render.style import columns, style_for
    from bake.render.warnings import Warnings

    renderer = JsonLines(sys.stderr) if progress == "json" else Warnings(sys.stderr, os.environ)
    found = run_async(lambda: work(wanted, renderer.event))
    if form == "json":
        text = plan_json(found)
    elif form == "md":
        from bake.render.markdown import plan_markdown

        text = plan_markdown(found, os.environ)
    else:
        text = plan_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)
    return 0
