"""`bake import`: from docker-bake.hcl, docker-bake.json or compose.yaml."""

from __future__ import annotations

import click


@click.command("import")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path())
@click.option(
    "-o", "--output", metavar="FILE", help="Where to; default: bake.toml beside the first FILE, `-` for stdout."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def import_(files: tuple[str, ...], output: str | None, force: bool) -> None:
    """Turn docker-bake.hcl, docker-bake.json or compose.yaml into bake.toml.

    Several files are put together as the peer does it: compose files first, then the others in the order given. With no
    FILE, all that the peer takes by itself are read, docker-bake.override.hcl included. What could not be carried over
    as it was is listed on stderr, each with its place.
    """
    from bake.app.importing import import_ as work
    from bake.render.sanitize import clean

    done = work(files, output, replace=force)
    if done.written is None:
        click.echo(done.conversion.text, nl=False)
    else:
        click.echo(f"wrote {clean(str(done.written))}", err=True)
    for note in done.conversion.notes:
        hint = f" ({note.hint})" if note.hint else ""
        click.echo(clean(f"{note.span}: {note.code}: {note.message}{hint}"), err=True)
