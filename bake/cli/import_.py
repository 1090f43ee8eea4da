"""`bake import`: from docker-bake.hcl, docker-bake.json or compose.yaml."""

from __future__ import annotations

import click


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("-o", "--output", metavar="FILE", help="Where to; default: bake.toml beside FILE, `-` for stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def import_(file: str, output: str | None, force: bool) -> None:
    """Turn docker-bake.hcl, docker-bake.json or compose.yaml into bake.toml.

    What could not be carried over as it was is listed on stderr, each with its place in FILE.
    """
    from bake.app.importing import import_ as work
    from bake.render.sanitize import clean

    done = work(file, output, replace=force)
    if done.written is None:
        click.echo(done.conversion.text, nl=False)
    else:
        click.echo(f"wrote {clean(str(done.written))}", err=True)
    for note in done.conversion.notes:
        hint = f" ({note.hint})" if note.hint else ""
        click.echo(clean(f"{note.span}: {note.code}: {note.message}{hint}"), err=True)
