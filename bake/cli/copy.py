"""`bake copy`: images between registries, layouts and archives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from bake.cli.command import command
from bake.cli.flags import VIEW

if TYPE_CHECKING:
    from bake.app.copying import Copied


@command("copy", VIEW[:1])
@click.argument("source")
@click.argument("destination")
@click.option("--platform", default="", metavar="OS/ARCH", help="Copy the image of this platform only.")
@click.option("--all-tags", is_flag=True, help="Copy all tags of a repository or layout.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def copy(source: str, destination: str, platform: str, all_tags: bool, as_json: bool, progress: Any) -> int:
    """Copy an image with all its platforms, by digest and without unpacking.

    SOURCE and DESTINATION are a reference in a registry, an OCI layout (oci:DIRECTORY[:TAG]) or a tar of one
    (oci-archive:FILE[:TAG]). What is there already is not sent again; within one registry nothing is sent at all.
    """
    from bake.app.copying import copy as work
    from bake.cli.flags import options
    from bake.cli.telling import Emit, View, tell

    done: list[Copied] = []

    async def run(emit: Emit) -> Copied:
        done.append(await work(options((), {}), source, destination, emit, platform=platform, all_tags=all_tags))
        return done[0]

    code = tell(run, View(progress))
    if done and not done[0].errors:
        click.echo(_json(done[0]) if as_json else _text(done[0]))
    return code


def _json(done: Copied) -> str:
    rows = [{"source": s, "destination": d, "digest": digest} for s, d, digest in done.images]
    return json.dumps({"images": rows, "blobs": done.blobs, "sent_bytes": done.sent}, indent=2)


def _text(done: Copied) -> str:
    from bake.render.sanitize import clean
    from bake.render.words import count, size

    words = {"pushed": "copied", "mounted": "mounted", "present": "already there"}
    parts = [f"{count(done.blobs[name], 'blob')} {word}" for name, word in words.items() if done.blobs.get(name)]
    total = f"{', '.join(parts)} ({size(done.sent)})" if parts else "no blobs"
    return "\n".join([*(f"{clean(d)}  {digest}" for _, d, digest in done.images), total])
