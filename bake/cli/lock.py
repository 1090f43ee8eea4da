"""`bake lock` and `bake outdated`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options


@command("lock", SPEC)
@click.argument("names", nargs=-1)
@click.option("--upgrade", is_flag=True, help="Look up again what is locked: the entries NAMES, without any all.")
@click.option("--check", is_flag=True, help="Write nothing; refuse (exit code 2) a lock that is not up to date.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def lock(names: Sequence[str], upgrade: bool, check: bool, as_json: bool, **flags: Any) -> None:
    """Pin base images, git sources and remote files of all targets in bake.lock.

    What is in the lock stays as it is unless --upgrade says else, what is new is looked up, what nothing uses goes.
    Every build then takes these inputs and asks nobody; --locked refuses one that lacks any.
    """
    from bake.app import locking
    from bake.cli.interrupt import run_async
    from bake.render.lock import changes_json, changes_text
    from bake.render.style import style_for

    if names and not upgrade:
        raise click.UsageError("NAMES are entries to renew: give --upgrade too")
    wanted = options((), flags)
    found = run_async(lambda: locking.lock(wanted, upgrade=names if upgrade else None, check=check, warn=_warning()))
    if as_json:
        text = changes_json(found.file, found.changes, found.entries)
    else:
        text = changes_text(found.file, found.changes, found.entries, style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)


@command("outdated", SPEC)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def outdated(targets: Sequence[str], as_json: bool, **flags: Any) -> None:
    """Show which inputs in bake.lock have moved, and which targets would be built again with the new ones."""
    from bake.app import outdated as work
    from bake.cli.interrupt import run_async
    from bake.render.lock import moved_json, moved_text
    from bake.render.style import columns, style_for

    wanted = options(targets, flags)
    found = run_async(lambda: work.outdated(wanted, _warning()))
    text = moved_json(found) if as_json else moved_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)


def _warning() -> Callable[[Any], None]:
    from bake.render.diagnostics import render
    from bake.render.style import style_for

    style = style_for(sys.stderr, os.environ)
    return lambda found: click.echo(render([found], style), nl=False, err=True)
