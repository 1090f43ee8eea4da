"""`bake explain`: why steps ran, or did not."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, options


@command("explain", SPEC, [option for option in BUILD if option.name in ("no_cache", "pull")])
@click.argument("targets", nargs=-1, metavar="[TARGET[:STAGE[.N]]]...", shell_complete=target_items)
@click.option("--next", "next_run", is_flag=True, help="Tell what the next build would do, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(targets: Sequence[str], next_run: bool, as_json: bool, **flags: Any) -> None:
    """Tell for each step of the last run why it ran, or where its cached result came from.

    A TARGET is explained by its own last run. Of a single step (TARGET:STAGE.N), all that its key is made of is shown.
    """
    from bake.app import explaining
    from bake.cli.interrupt import run_async
    from bake.render.explain import explanation_json, explanation_text
    from bake.render.style import columns, style_for
    from bake.render.warnings import Warnings

    wanted = options((), flags)
    if next_run:
        warnings = Warnings(sys.stderr, os.environ)
        found: Sequence[explaining.Explanation] = (
            run_async(lambda: explaining.explain_next(wanted, targets, warnings.event)),
        )
    else:
        found = explaining.explain(wanted, targets)
    if as_json:
        text = explanation_json(found)
    else:
        text = explanation_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)
