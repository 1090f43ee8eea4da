"""`bake init`: a first bake.toml."""

from __future__ import annotations

import click


@click.command("init")
@click.argument("directory", type=click.Path(exists=True, file_okay=False), default=".")
def init(directory: str) -> None:
    """Write a first bake.toml, with one target for each Dockerfile in DIRECTORY and below (default: here).

    An existing bake.toml is never changed.
    """
    from bake.app.starting import init as work
    from bake.render.words import count

    found = work(directory)
    click.echo(f"wrote {found.path} with {count(len(found.targets), 'target')}: {', '.join(found.targets)}")
    if found.other:
        click.echo(f"`bake import {found.other}` would carry over what that file says", err=True)
