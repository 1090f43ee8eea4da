"""`--progress quiet`: nothing but what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from bake.events import Event, StepFinished
from bake.render.ending import failure
from bake.render.style import style_for
from bake.render.tails import Tails


class QuietRenderer:
    """A failed step with its last lines, as soon as it has failed."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._style = style_for(stream, environment)
        self._tails = Tails()

    def event(self, event: Event) -> None:
        self._tails.event(event)
        if isinstance(event, StepFinished) and event.step.status == "failed":
            self._stream.write(failure(event.step, self._tails.take(event.step.id), self._style))
            self._stream.flush()

    def close(self) -> None:
        pass
