"""`bake matrix`: jobs for a CI system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from bake.cli.affected import affected_of
from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options


@command("matrix", SPEC)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--affected", is_flag=True, help="Only targets that a change touches: give --since or --files too.")
@click.option("--since", metavar="REV", help="As of `bake affected`.")
@click.option("--files", type=click.File("rb"), metavar="FILE|-", help="As of `bake affected`.")
@click.option("--by", type=click.Choice(("target", "level", "group")), default="target", show_default=True,
              help="What makes a job.")  # fmt: skip
@click.option("--level", type=click.IntRange(min=0), metavar="N", help="Only the jobs of that level.")
@click.option("--format", "form", type=click.Choice(("json", "github", "gitlab")), default="json", show_default=True,
              help="JSON, the matrix of a GitHub workflow, or a GitLab child pipeline.")  # fmt: skip
@click.option("--template", metavar="FILE", default="",
              help="For gitlab: a file of the project whose `.bake` the jobs extend.")  # fmt: skip
def matrix(
    targets: Sequence[str],
    affected: bool,
    since: str | None,
    files: Any,
    by: Any,
    level: int | None,
    form: str,
    template: str,
    **flags: Any,
) -> None:
    """Print the targets as jobs, in dependency levels.

    What a job builds on is built by jobs of the levels before it, so that with a shared cache nothing is built twice.
    """
    from bake.app.matrix import matrix as work
    from bake.render.matrix import FORMS

    if affected != (since is not None or files is not None):
        raise click.UsageError("--affected goes with --since REV or --files FILE")
    if template and form != "gitlab":
        raise click.UsageError("--template goes with --format gitlab")
    wanted = options(targets, flags)
    rows = work(wanted, by, affected_of(wanted, since, files) if affected else None)
    shown = [row for row in rows if level in (None, row.level)]
    click.echo(FORMS[form](shown, template) if form == "gitlab" else FORMS[form](shown), nl=False)
