"""For commands that only look: warnings are shown, progress is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from bake.events import DiagnosticFound, Event
from bake.render.diagnostics import render_info
from bake.render.style import style_for


class Warnings:
    """A renderer of the diagnostics that are no errors."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._style = style_for(stream, environment)

    def event(self, event: Event) -> None:
        if isinstance(event, DiagnosticFound) and event.diagnostic.severity != "error":
            self._stream.write(render_info(event.diagnostic, self._style))
            self._stream.flush()

    def close(self) -> None:
        pass
