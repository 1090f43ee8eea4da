"""`bake watch`: builds, and builds again whenever a file changes that a step reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from bake.cli.command import command
from bake.cli.complete import target_items
from bake.cli.flags import BUILD, SPEC, VIEW, options
from bake.errors import Interrupted


@command("watch", SPEC, BUILD, VIEW)
@click.argument("targets", nargs=-1, shell_complete=target_items)
def watch(targets: Sequence[str], progress: Any, reports: Sequence[str], **flags: Any) -> int:
    """Build targets, and again whenever a file changes that one of their steps reads. End it with Ctrl-C.

    Files that no step reads, or that the ignore file leaves out, do not count; a failed build is tried again when
    something it reads is mended.
    """
    from bake.app.building import build
    from bake.app.watching import news, places, places_now
    from bake.cli.interrupt import run_async
    from bake.cli.telling import View, tell
    from bake.gather.watch import watching
    from bake.render.sanitize import clean
    from bake.render.style import style_for

    wanted, style = options(targets, flags), style_for(sys.stderr, os.environ)

    def say(text: str) -> None:
        if progress not in ("json", "quiet"):
            click.echo(style.paint("dim", clean(text)), err=True)

    looked_at = places(wanted)
    while True:
        with watching(looked_at) as changes:
            while looked_at == (now := places_now(wanted, looked_at)):
                code = tell(lambda emit: build(wanted, emit), View(progress, reports))
                if code == Interrupted.exit_code:
                    return code
                say("watching for changes; end with Ctrl-C")
                why = None
                while why is None:
                    changed = _wait(changes)
                    if changed is None:
                        return Interrupted.exit_code
                    why = run_async(partial(news, wanted, changed, reports))
                say(f"{why}: building again")
        looked_at = now


def _wait(changes: Any) -> frozenset[str] | None:
    """None when the user ends it."""
    try:
        found: frozenset[str] = changes.wait()
    except KeyboardInterrupt:
        return None
    return found
