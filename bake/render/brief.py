"""Shows nothing as long as nothing has to be done: for `bake run`, whose own output is what its user wants to see."""

from __future__ import annotations

from collections.abc import Callable

from bake.events import DiagnosticFound, Event, StepFinished, StepStarted
from bake.render.renderer import Renderer


class Brief:
    """Wakes the renderer that `make` gives when the first step must run, or something has to be told."""

    def __init__(self, make: Callable[[], Renderer]) -> None:
        self._make = make
        self._missed: list[Event] = []
        self._renderer: Renderer | None = None

    def event(self, event: Event) -> None:
        if self._renderer is None and _worth_telling(event):
            self._renderer = self._make()
            for missed in self._missed:
                self._renderer.event(missed)
            self._missed.clear()
        if self._renderer is not None:
            self._renderer.event(event)
        else:
            self._missed.append(event)

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()


def _worth_telling(event: Event) -> bool:
    if isinstance(event, StepFinished):
        return event.step.status == "failed"
    return isinstance(event, StepStarted | DiagnosticFound)
