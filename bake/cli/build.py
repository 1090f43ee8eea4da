"""`bake build`, which is also `bake NAME` and `bake` alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bake.cli.command import command
from bake.cli.commands import COMMANDS, IMPLICIT
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, VIEW, options
from bake.errors import Diagnostic, InputError, nearest

if TYPE_CHECKING:
    from bake.app.options import Options


@command("build", SPEC, BUILD, VIEW)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--json", "as_json", is_flag=True, help="Print the report on stdout.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done, as `bake plan`.")
@click.option("--retry-failed", is_flag=True, help="Build what the last run here was to build and did not.")
def build(
    targets: Sequence[str],
    as_json: bool,
    dry_run: bool,
    retry_failed: bool,
    progress: Any,
    reports: Sequence[str],
    **flags: Any,
) -> int:
    """Build targets and what they need.

    A TARGET is a target, a group, the base name of a matrix, name[axis=value] or a glob; without any, the group
    `default` is built.
    """
    if retry_failed:
        targets = _failed(targets, options((), flags))
        if not targets:
            click.echo("the last run built everything", err=True)
            return 0
    if dry_run:
        if reports:
            raise click.UsageError("--report tells what a build did; `bake plan --json` prints what it would do")
        from bake.cli.plan import show_plan

        return show_plan(options(targets, flags), progress, "json" if as_json else "text")
    if as_json:
        flags["json"] = True
    from bake.app.building import BuildResult
    from bake.app.building import build as work
    from bake.cli.telling import Emit, View, tell

    implicit = click.get_current_context().meta.get(IMPLICIT, False)

    async def run(emit: Emit) -> BuildResult:
        try:
            return await work(options(targets, flags), emit)
        except InputError as error:
            raise InputError(_told(error.diagnostics, targets if implicit else ())) from None

    return tell(run, View(progress, reports, as_json))


def _failed(targets: Sequence[str], wanted: Options) -> Sequence[str]:
    from bake.app.history import to_retry

    if targets:
        raise click.UsageError("--retry-failed takes its targets from the last run")
    return to_retry(wanted)


def _told(diagnostics: Sequence[Diagnostic], words: Sequence[str]) -> list[Diagnostic]:
    """`bake paln` looks for a target; that a command was meant is worth saying too."""
    meant = next((near for word in words if (near := nearest(word, list(COMMANDS)))), None)
    return [_hinted(found, meant) if meant and found.code == "unknown-target" else found for found in diagnostics]


def _hinted(found: Diagnostic, command: str) -> Diagnostic:
    hint = f"did you mean the command `bake {command}`?"
    return replace(found, hint=f"{found.hint}\n{hint}" if found.hint else hint)
