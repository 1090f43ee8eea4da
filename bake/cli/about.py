"""`bake schema`, `completion`, `help`, `version`: bake about itself."""

from __future__ import annotations

import click

from bake.cli.commands import COMMANDS, load

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("kind", type=click.Choice(("spec", "report", "events", "plan")), default="spec")
def schema(kind: str) -> None:
    """Print the JSON schema of bake.toml (`spec`), of reports, of `--progress json` lines or of `plan --json`."""
    if kind == "spec":
        from bake.spec.schema import schema_text

        click.echo(schema_text(), nl=False)
    else:
        from bake.render.schema import text_of

        click.echo(text_of(kind), nl=False)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the completion script for a shell (default: yours).

    For bash: eval "$(bake completion bash)"
    """
    import os

    from click.shell_completion import get_completion_class

    from bake.cli import COMPLETE
    from bake.cli.group import root

    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    kind = get_completion_class(name) if name in SHELLS else None
    if kind is None:
        raise click.UsageError(f"name a shell: {', '.join(SHELLS)}", click.get_current_context())
    click.echo(kind(root, {}, "bake", COMPLETE).source())


@click.command("help")
@click.argument("command", type=click.Choice(list(COMMANDS)), required=False)
@click.pass_context
def help_(context: click.Context, command: str | None) -> None:
    """Show what a command does."""
    parent = context.find_root()
    if command is None:
        click.echo(parent.get_help())
        return
    found = load(command)
    assert isinstance(found, click.Command)
    with click.Context(found, info_name=command, parent=parent) as inner:
        click.echo(found.get_help(inner))


@click.command()
def version() -> None:
    """Show the version."""
    from bake import __version__

    click.echo(f"bake {__version__}")
