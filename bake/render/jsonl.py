"""`--progress json`: one event a line; its schema is schemas/events.schema.json."""

from __future__ import annotations

from typing import TextIO

from bake.events import Event
from bake.render.report import encode


class JsonLines:
    """Each line is written whole and at once, so that a reader can follow."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def event(self, event: Event) -> None:
        self._stream.write(encode(event).decode() + "\n")
        self._stream.flush()

    def close(self) -> None:
        pass
