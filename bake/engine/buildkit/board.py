"""What became of each step, told once however many solves it is part of: the solve that sees it start tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from bake.engine.buildkit.status import Ended, Said, Seen, Started, Update
from bake.events import StepStatus
from bake.plan.reason import Why
from bake.plan.step import Step, StepId
from bake.solve.journal import Journal

EVICTED = Why("evicted", "the builder has it no more")


@dataclass
class Tally:
    """Steps that a builder had in its cache, and that it ran."""

    cached: int = 0
    run: int = 0

    def add(self, cached: bool) -> None:
        self.cached, self.run = self.cached + cached, self.run + (not cached)


@dataclass
class Board:
    """`missed`: why our own records have missed a step, None if they have not.

    `owners`: step → the solve that tells of it.
    """

    journal: Journal
    steps: Mapping[StepId, Step]
    missed: Callable[[StepId], Why | None]
    owners: dict[StepId, str] = field(default_factory=dict)
    started: set[StepId] = field(default_factory=set)
    ended: set[StepId] = field(default_factory=set)
    places: dict[StepId, str] = field(default_factory=dict)
    """Step → the builder that has told of it last."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    _told: dict[str, list[StepId]] = field(default_factory=dict)
    """Solve → the steps that it tells of."""

    def take(self, solve: str, steps: list[StepId], update: Update, where: str) -> None:
        """An update of a vertex that stands for `steps`, on the builder `where`."""
        for id in steps:
            if id in self.ended or not self._tells(id, solve):
                continue
            step = self.steps[id]
            self.places[id] = where
            match update:
                case Started():
                    self.started.add(id)
                    self.journal.started(step, self.why(id), monotonic(), where)
                case Said(stream, line):
                    self.journal.say(step)(stream, line)
                case Ended(cached, seconds):
                    self.end(id, "cached" if cached else "run", seconds)
                    self.tallies.setdefault(where, Tally()).add(cached)
                case Seen():
                    pass

    def _tells(self, id: StepId, solve: str) -> bool:
        """Whether a solve is the one that tells of a step: the first to do so."""
        owner = self.owners.get(id)
        if owner is None:
            self.owners[id] = solve
            self._told.setdefault(solve, []).append(id)
        return owner is None or owner == solve

    def why(self, id: StepId) -> Why:
        return self.missed(id) or EVICTED

    def end(self, id: StepId, status: StepStatus, seconds: float | None = None, code: int | None = None) -> None:
        """Tells how a step has ended, the first time."""
        if id in self.ended:
            return
        self.ended.add(id)
        ran = status in ("run", "failed")
        started = monotonic() - seconds if seconds is not None and ran else None
        why, where = self.why(id) if ran else None, self.places.get(id, "")
        self.journal.ended(self.steps[id], status, why, started, code, builder=where)

    def interrupted(self, solve: str, why: str) -> None:
        """A solve is lost with its builder: says of each step that was under way that it starts again."""
        for id in self._told.get(solve, ()):
            if id in self.started and id not in self.ended:
                self.journal.say(self.steps[id])("progress", f"{why}; it starts again")

    def release(self, solve: str) -> None:
        """A solve is over: what it did not finish may be told of by another."""
        for id in self._told.pop(solve, ()):
            if id not in self.ended:
                del self.owners[id]
