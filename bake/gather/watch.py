"""Waits for changed files. Watching goes on in threads, so that what changes while a build runs is not missed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from bake.errors import Diagnostic, HostError

_LOOK = 0.2
"""Seconds between two looks at whether the watch has been ended."""
_SETTLED = 0.15
"""Seconds without a change after which an edit counts as done: an editor writes several files."""


@dataclass(frozen=True, slots=True)
class Places:
    """What to watch, as absolute directories: `trees` with all below them, `directories` only what is right in them."""

    trees: frozenset[str] = frozenset()
    directories: frozenset[str] = frozenset()


class Watch:
    """Changed paths of some places, from the moment that `watching` hands it out."""

    def __init__(self) -> None:
        self._changes: SimpleQueue[frozenset[str] | OSError] = SimpleQueue()

    def wait(self) -> frozenset[str]:
        """Absolute paths that changed, were made or went away, once they have come to rest. Raises HostError."""
        found = self._next(None)
        while more := self._next(_SETTLED):
            found |= more
        return found

    def _next(self, seconds: float | None) -> frozenset[str]:
        try:
            change = self._changes.get(timeout=seconds)
        except Empty:
            return frozenset()
        if isinstance(change, OSError):
            hint = "the kernel limits how many directories a user watches: see fs.inotify.max_user_watches"
            raise HostError(Diagnostic("cannot-watch", f"cannot watch for changes: {change}", hint=hint))
        return change

    def feed(self, paths: Iterable[str], recursive: bool, stop: threading.Event, ready: threading.Event) -> None:
        """Runs in a thread until `stop` is set; sets `ready` when changes begin to count."""
        from watchfiles import watch

        looks = watch(
            *paths,
            watch_filter=None,
            debounce=50,
            step=20,
            stop_event=stop,
            rust_timeout=int(_LOOK * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=recursive,
        )
        try:
            for changes in looks:
                ready.set()
                if changes:
                    self._changes.put(frozenset(path for _, path in changes))
        except OSError as error:
            self._changes.put(error)
        finally:
            ready.set()


@contextmanager
def watching(places: Places) -> Iterator[Watch]:
    """Watches until left. Raises HostError when the package for it is missing."""
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        hint = "pip install 'bake[watch]'"
        raise HostError(Diagnostic("missing-package", "watching needs the package watchfiles", hint=hint)) from None
    watch, stop = Watch(), threading.Event()
    with ExitStack() as stack:
        threads = [_start(watch, paths, recursive, stop) for paths, recursive in _kinds(places)]
        for thread in threads:
            stack.callback(thread.join)
        stack.callback(stop.set)
        yield watch


def _kinds(places: Places) -> Iterator[tuple[frozenset[str], bool]]:
    for paths, recursive in ((places.trees, True), (places.directories, False)):
        if paths:
            yield paths, recursive


def _start(watch: Watch, paths: frozenset[str], recursive: bool, stop: threading.Event) -> threading.Thread:
    ready = threading.Event()
    thread = threading.Thread(target=watch.feed, args=(sorted(paths), recursive, stop, ready), daemon=True)
    thread.start()
    ready.wait()
    return thread
