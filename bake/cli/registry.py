"""`bake push`, `inspect`, `tags`, `catalog`: images in registries."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, VIEW, options


@command("push", SPEC, BUILD[:1], VIEW)
@click.argument("targets", nargs=-1, shell_complete=target_items)
@click.option("--json", "as_json", is_flag=True, help="Print the report on stdout.")
def push(targets: Sequence[str], as_json: bool, progress: Any, reports: Sequence[str], **flags: Any) -> int:
    """Publish what the last build of each target made; build nothing."""
    from bake.app.publishing import push as work
    from bake.cli.telling import View, tell

    wanted = options(targets, flags)
    return tell(lambda emit: work(wanted, emit), View(progress, reports, as_json))


@command("inspect", SPEC)
@click.argument("name", metavar="TARGET|REFERENCE", shell_complete=target_items)
@click.option("--remote", is_flag=True, help="Ask the registry, also for the name of a target.")
@click.option("--platform", default="", metavar="OS/ARCH", help="Show the image of this platform only.")
@click.option("--raw", is_flag=True, help="Print the manifest or index as it is, byte for byte.")
@click.option("--json", "as_json", is_flag=True, help="Print all there is as JSON.")
def inspect(name: str, remote: bool, platform: str, raw: bool, as_json: bool, **flags: Any) -> None:
    """Show the config, the layers with the step that made each, and what attests to an image.

    It may be a built target, a reference in a registry, an OCI layout (oci:DIRECTORY[:TAG]) or a tar of one
    (oci-archive:FILE[:TAG]).
    """
    from bake.app.inspecting import inspect as work
    from bake.app.inspecting import raw as raw_work
    from bake.cli.interrupt import run_async
    from bake.render.image import image_text
    from bake.render.style import columns, style_for

    if raw:
        click.echo(run_async(lambda: raw_work(options((), flags), name)), nl=False)
        return
    found = run_async(lambda: work(options((), flags), name, remote=remote, platform=platform))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        click.echo(image_text(found, columns(sys.stdout), style_for(sys.stdout, os.environ)), nl=False)


@command("tags", SPEC[:1])
@click.argument("repository")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tags(repository: str, as_json: bool, **flags: Any) -> None:
    """List the tags of a repository."""
    from bake.app.showing import tags as work
    from bake.cli.interrupt import run_async

    found = run_async(lambda: work(options((), flags), repository))
    _names(found, json.dumps({"name": repository, "tags": found}) if as_json else None)


@command("catalog", SPEC[:1])
@click.argument("host")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def catalog(host: str, as_json: bool, **flags: Any) -> None:
    """List the repositories of a registry."""
    from bake.app.showing import catalog as work
    from bake.cli.interrupt import run_async

    found = run_async(lambda: work(options((), flags), host))
    _names(found, json.dumps({"repositories": found}) if as_json else None)


def _names(found: Sequence[str], as_json: str | None) -> None:
    from bake.render.sanitize import clean

    click.echo("".join(f"{clean(name)}\n" for name in found) if as_json is None else f"{as_json}\n", nl=False)
