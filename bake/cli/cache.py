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


def _size(_context: click.Context, _option: click.Parameter, text: str | None) -> int | None:
    from bake.settings import size_of

    try:
        return None if text is None else size_of(text)
    except (ValueError, KeyError):
        raise click.BadParameter(f"'{text}' is no size, as 10GB or 500MB") from None


def _age(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    from bake.settings import age_of

    try:
        return None if text is None else age_of(text)
    except (ValueError, KeyError):
        raise click.BadParameter(f"'{text}' is no age, as 7d or 12h") from None


@cache.command("prune")
@click.option("--keep-size", callback=_size, metavar="SIZE", help="Remove only until so much is left, as 10GB.")
@click.option("--older-than", callback=_age, metavar="AGE", help="Remove what was not used for so long, as 7d.")
@click.option("--all", "everything", is_flag=True, help="Also what the last run of a target needs.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(keep_size: int | None, older_than: float | None, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Remove what is not needed: the least recently used first.

    Without --keep-size and --older-than, all that the last run of no target needs. Waits until no other bake is at
    work. Each build that did something keeps to the limits of the settings (store.max-size, store.max-age) by itself.
    """
    from bake.app.pruning import prune as work
    from bake.cli.interrupt import run_async
    from bake.render.cache import pruned_json, pruned_text
    from bake.render.style import columns, style_for
    from bake.store.prune import Limits

    def waiting() -> None:
        click.echo("waiting for another bake to end", err=True)

    limits = Limits(keep_size, older_than)
    found = run_async(lambda: work(options((), {}), limits, everything=everything, dry=dry_run, waiting=waiting))
    if as_json:
        text = pruned_json(found.store, found.items, dry_run)
    else:
        text = pruned_text(found.store, found.items, dry_run, columns(sys.stdout), style_for(sys.stdout, os.environ))
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
