"""`bake run`: a command in a built image."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, VIEW, assignment, options


@command("run", SPEC, BUILD, VIEW[:1])
@click.argument("target", shell_complete=target_items)
@click.argument("args", nargs=-1)
@click.option("--entrypoint", metavar="PROGRAM", help="Run this instead of the image's ENTRYPOINT and CMD.")
@click.option("-e", "--env", type=assignment, metavar="NAME=VALUE", multiple=True, help="Set a variable in it.")
@click.option("-u", "--user", metavar="USER[:GROUP]", help="Run as this user.")
@click.option("-w", "--workdir", metavar="DIR", help="Run in this directory of the image.")
@click.option("--platform", metavar="PLATFORM", help="Run the image for this platform, of several.")
def run(
    target: str,
    args: Sequence[str],
    entrypoint: str | None,
    env: Sequence[tuple[str, str]],
    user: str | None,
    workdir: str | None,
    platform: str | None,
    progress: Any,
    **flags: Any,
) -> int:
    """Run a built image, in the sandbox that its RUN steps had; ARGS (after `--`) replace its CMD.

    The target is built first if need be. The exit code is that of the command.
    """
    from bake.app.running import run as work
    from bake.cli.errors import show, untold
    from bake.cli.interrupt import run_async
    from bake.errors import StepFailed
    from bake.render.brief import Brief
    from bake.render.renderer import renderer_for

    wanted = options((), flags)
    if wanted.push or wanted.load or wanted.outputs:
        raise click.UsageError("`bake run` publishes and writes nothing; use `bake build`")
    shown = Brief(lambda: renderer_for(progress, sys.stderr, os.environ))
    try:
        return run_async(
            lambda: work(
                wanted,
                target,
                args,
                shown.event,
                entrypoint=entrypoint,
                env=dict(env),
                user=user,
                workdir=workdir,
                platform=platform,
            )
        )
    except StepFailed as failed:
        shown.close()
        show(untold((failed,)))
        return failed.exit_code
    finally:
        shown.close()
