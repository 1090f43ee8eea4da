"""`bake cache`: looking after the store."""

from __future__ import annotations

import os
import sys

import click

from bake.cli.flags import options
from bake.errors import HostError


@click.group("cache", invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> None:
    """Show and check the store of layers that all builds of this user share."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cache.command("du")
@click.option("--json", "as_json", is_flag=True, help="Print every layer and blob as JSON.")
def du(as_json: bool) -> None:
    """Show what takes how much of the disk."""
    from bake.app.caching import usage as work
    from bake.render.cache import usage_json, usage_text
    from bake.render.style import columns, style_for

    found = work(options((), {}))
    if as_json:
        text = usage_json(found.store, found.rows)
    else:
        text = usage_text(found.store, found.rows, columns(sys.stdout), style_for(sys.stdout, os.environ))
    click.echo(text, nl=False)


@cache.command("verify")
@click.option("--deep", is_flag=True, help="Read every file and compare it with its digest.")
@click.option("--repair", is_flag=True, help="As --deep, and forget what is damaged; it is made again when needed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(deep: bool, repair: bool, as_json: bool) -> int:
    """Check that nothing is damaged.

    The exit code is 4 when something is, and stays so.
    """
    from bake.app import caching
    from bake.render.cache import verified_json, verified_text
    from bake.render.style import style_for

    wanted = options((), {})
    found = caching.repair(wanted) if repair else caching.verify(wanted, deep=deep)
    if as_json:
        text = verified_json(found.store, found.sound, found.found, found.left)
    else:
        style = style_for(sys.stdout, os.environ)
        text = verified_text(found.store, found.sound, found.found, found.left, style)
    click.echo(text, nl=False)
    return 0 if found.sound else HostError.exit_code
