"""`bake affected`: the targets that a change touches."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options

if TYPE_CHECKING:
    from bake.app.affecting import Affected
    from bake.app.options import Options


@command("affected", SPEC)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--since", metavar="REV", help="What differs between this git revision and the files here.")
@click.option("--files", type=click.File("rb"), metavar="FILE|-", help="A list of changed files, a line each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the reason of each.")
def affected(targets: Sequence[str], since: str | None, files: Any, as_json: bool, **flags: Any) -> None:
    """List the targets whose inputs a change touches, and those that build on them.

    Without TARGETs, all are looked at. Files that git ignores count only when --files names them.
    """
    from bake.render.sanitize import clean

    found = affected_of(options(targets, flags), since, files)
    if as_json:
        rows = [{"name": name, "why": why} for name, why in found.targets.items()]
        click.echo(json.dumps({"version": 1, "changed": found.changed, "targets": rows}, indent=2))
    else:
        click.echo("".join(f"{clean(name)}\n" for name in found.targets), nl=False)


def affected_of(wanted: Options, since: str | None, files: Any) -> Affected:
    """What a change touches; warnings go to stderr."""
    from bake.app import affecting
    from bake.cli.interrupt import run_async
    from bake.render.diagnostics import render
    from bake.render.style import style_for

    if (since is None) == (files is None):
        raise click.UsageError("give either --since REV or --files FILE")
    style = style_for(sys.stderr, os.environ)

    def warn(diagnostic: Any) -> None:
        click.echo(render([diagnostic], style), nl=False, err=True)

    if since is not None:
        return run_async(lambda: affecting.affected_since(wanted, since, warn))
    paths = _paths(files.read())
    return run_async(lambda: affecting.affected_by(wanted, paths, warn))


def _paths(data: bytes) -> list[str]:
    """A line each, or ended by NUL bytes as `git diff -z` has them."""
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    return [os.fsdecode(part) for part in parts if part]
