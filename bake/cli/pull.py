"""`bake pull`: images into the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bake.cli.command import command
from bake.cli.flags import VIEW

if TYPE_CHECKING:
    from bake.app.pulling import Pulled


@command("pull", VIEW[:1])
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@click.option("--platform", "platforms", multiple=True, metavar="OS/ARCH", help="Which image of an index; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pull(references: Sequence[str], platforms: Sequence[str], as_json: bool, progress: Any) -> int:
    """Download images into the store, so that builds on them need no network.

    Of each the image for this host, or for the platforms that are named; what is there already is not fetched again.
    """
    from bake.app.pulling import pull as work
    from bake.cli.flags import options
    from bake.cli.telling import Emit, View, tell

    done: list[Pulled] = []

    async def run(emit: Emit) -> Pulled:
        done.append(await work(options((), {}), references, emit, platforms=platforms))
        return done[0]

    code = tell(run, View(progress))
    if done and (done[0].images or as_json):
        click.echo(_json(done[0]) if as_json else _text(done[0]))
    return code


def _json(done: Pulled) -> str:
    names = ("reference", "platform", "digest", "size")
    return json.dumps({"images": [dict(zip(names, row, strict=True)) for row in done.images]}, indent=2)


def _text(done: Pulled) -> str:
    from bake.render.sanitize import clean
    from bake.render.words import size

    return "\n".join(
        f"{clean(name)}  {platform}  {digest}  {size(total)}" for name, platform, digest, total in done.images
    )
