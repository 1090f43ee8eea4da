"""What a renderer is, and which one is meant; only the chosen one is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, TextIO

from bake.events import Event
from bake.render.style import is_terminal

Progress = Literal["auto", "tty", "plain", "json", "quiet"]


class Renderer(Protocol):
    """A fold over the events of one run that shows them as they come.

    The whole picture is out once `RunFinished` has been taken. Errors of the run itself are not shown: who has caught
    them has their source lines. Not thread-safe.
    """

    def event(self, event: Event) -> None: ...

    def close(self) -> None:
        """Leaves the terminal as it was. Idempotent; needed when a run broke off."""


def renderer_for(progress: Progress, stream: TextIO, environment: Mapping[str, str]) -> Renderer:
    """`auto`: `tty` where a person looks at a capable terminal, `plain` elsewhere and in CI."""
    match _chosen(progress, stream, environment):
        case "tty":
            from bake.render.tty import TtyRenderer

            return TtyRenderer(stream, environment)
        case "json":
            from bake.render.jsonl import JsonLines

            return JsonLines(stream)
        case "quiet":
            from bake.render.quiet import QuietRenderer

            return QuietRenderer(stream, environment)
        case _:
            from bake.render.plain import PlainRenderer

            return PlainRenderer(stream, environment)


def _chosen(progress: Progress, stream: TextIO, environment: Mapping[str, str]) -> Progress:
    if progress != "auto":
        return progress
    capable = is_terminal(stream) and environment.get("TERM", "dumb") != "dumb" and not environment.get("CI")
    return "tty" if capable else "plain"
