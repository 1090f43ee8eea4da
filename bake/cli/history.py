"""`bake history`: the last runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.flags import SPEC, options, report_file


@command("history", SPEC[:1])
@click.argument("run", type=int, required=False)
@click.option("-n", "--last", type=click.IntRange(min=1), default=20, show_default=True, help="Show so many runs.")
@click.option("--all", "everywhere", is_flag=True, help="Show the runs of all directories.")
@click.option("--logs", is_flag=True, help="Of one RUN: also what its steps printed last.")
@click.option("--report", "reports", type=report_file, metavar="FILE", multiple=True,
              help="Of one RUN: write its report, a .json, .md or .html file.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(
    run: int | None, last: int, everywhere: bool, logs: bool, reports: Sequence[str], as_json: bool, **flags: Any
) -> int:
    """List the last runs, or tell what the one with the number RUN did."""
    wanted = options((), flags)
    if run is not None:
        return _one(wanted, run, logs, reports, as_json)
    if logs or reports:
        raise click.UsageError("--logs and --report are for one RUN: name its number")
    from bake.app.history import history as work
    from bake.render.history import history_json, history_text
    from bake.render.style import columns, style_for

    found = work(wanted, most=last, everywhere=everywhere)
    if as_json:
        text = history_json(found)
    else:
        text = history_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)
    return 0


def _one(wanted: Any, number: int, logs: bool, reports: Sequence[str], as_json: bool) -> int:
    from bake.app.history import past_run
    from bake.cli.errors import show
    from bake.cli.telling import write_reports
    from bake.render.diagnostics import render_info
    from bake.render.history import events_of, run_json, when
    from bake.render.plain import PlainRenderer
    from bake.render.style import style_for

    past = past_run(wanted, number)
    if reports:
        return show(write_reports(past.report, past.logs, reports))
    if as_json:
        click.echo(run_json(past), nl=False)
        return 0
    click.echo(f"run {past.number}, started {when(past.started)} in {past.root}")
    renderer = PlainRenderer(sys.stdout, {})
    for event in events_of(past.report, past.logs if logs else {}):
        renderer.event(event)
    renderer.close()
    for found in past.report.diagnostics:
        if found.severity == "error":
            click.echo("\n" + render_info(found, style_for(sys.stdout, os.environ)), nl=False)
    return 0
