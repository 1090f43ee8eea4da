"""`bake diff`: what differs between two images."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import SPEC, options


@command("diff", SPEC)
@click.argument("one", metavar="A", shell_complete=target_items)
@click.argument("two", metavar="B", shell_complete=target_items)
@click.option("--platform", default="", metavar="OS/ARCH", help="Which image of an index; default: this host's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(one: str, two: str, platform: str, as_json: bool, **flags: Any) -> None:
    """Show the files that differ between two images, by layer, and the values of their configs.

    Each is a built target, a reference in a registry, an OCI layout (oci:DIRECTORY[:TAG]) or a tar of one
    (oci-archive:FILE[:TAG]). Times are no difference.
    """
    from bake.app.differing import diff as work
    from bake.app.differing import document
    from bake.cli.interrupt import run_async
    from bake.render.difference import difference_text
    from bake.render.style import style_for

    found = document(run_async(lambda: work(options((), flags), one, two, platform=platform)))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(difference_text(found, style_for(sys.stdout, os.environ)), nl=False)
