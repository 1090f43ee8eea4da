"""Which files of a RUN's layer have times that the step gave them, as `touch -d` and `tar -x` do.

Such a time is content: two steps that differ in nothing else make two layers, each image shows its own, and a step that
runs again gives the same one. A time that is just when the file was written is none, or nothing would ever come to the
same as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from bake.plan.tree import Entry, Listing

_SLACK_NS = 1_000_000_000
"""The kernel stamps files by a clock that ticks some hundred times a second."""


@dataclass(frozen=True, slots=True)
class Window:
    """When a step ran, in ns since 1970."""

    began: int
    ended: int

    def holds(self, time: int) -> bool:
        return self.began - _SLACK_NS <= time <= self.ended + _SLACK_NS


def with_given_times(listing: Listing, below: Callable[[str], Entry | None], window: Window) -> Listing:
    """The listing with `timed` where it holds; `below` looks up the state that the step ran on."""
    found: dict[str, Entry] = {}
    for path, entry in listing.items():
        given = entry.kind in "fl" and not window.holds(entry.mtime) and not (entry.kind == "f" and entry.link)
        if given:
            before = below(path)
            given = before is None or before.mtime != entry.mtime
        found[path] = replace(entry, timed=True) if given else entry
    return found
