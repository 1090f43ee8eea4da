"""What earlier runs came to, by key and by slot: one of the parts of a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from bake.plan.tree import StateId

Parts = Mapping[str, str]
"""The named parts of a key: `instruction`, `parent`, `env.PATH`, `arg.VERSION`, `file.src/main.py`, … (DESIGN §2)."""


class Record(msgspec.Struct, frozen=True):
    """What a step with this key came to. Times are unix seconds; `duration` of the run that made it, in seconds.

    `origin` names the cache that it came from, "" for one made on this machine.
    """

    key: str
    state: StateId
    created: float
    duration: float = 0.0
    origin: str = ""


class NotYet(Exception):
    """Something must be fetched before this can be answered: await `fetch`, then ask again."""

    def __init__(self, fetch: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self.fetch = fetch


class Records(Protocol):
    """Keys and what they came to. `lookup` and `last_parts` raise NotYet while a cache behind them is to be read."""

    def lookup(self, key: str) -> Record | None:
        """The record of `key` whose state is still there. Never a record of a removed layer."""

    def known(self, key: str) -> bool:
        """Whether `key` has a record at all, its layer removed or not (the reason `evicted`)."""

    def parts(self, key: str) -> Parts | None:
        """The parts of `key`, None if they are not kept."""

    def last_parts(self, slot: str) -> Parts | None:
        """The key parts that this slot had in its last run, None if it never ran."""

    def last_record(self, slot: str) -> Record | None:
        """What this slot came to in its last run, its layer removed or not."""

    def last_durations(self, slots: Collection[str]) -> Mapping[str, float]:
        """Seconds that the steps in these slots took when they last really ran; for the critical path."""

    def remember(self, record: Record, parts: Parts) -> None:
        """Keep a record. Durable at return; a second record of one key replaces the first."""

    def remember_all(self, rows: Sequence[tuple[Record, Parts]]) -> None:
        """Keep many records in one transaction, as `remember` does."""

    def adopt(self, record: Record) -> None:
        """As `remember`, for what another machine came to; not durable before the end of the run."""

    def visit(self, slots: Mapping[str, str], parts: Mapping[str, Parts]) -> None:
        """At the end of a run: slot → key for every step decided, and the parts of the keys that need keeping.

        One transaction; also marks the keys as used now.
        """

    def claim(self, key: str) -> AbstractAsyncContextManager[None]:
        """Waits until no other process runs the step with this key, and holds it until the context is left or dies."""
