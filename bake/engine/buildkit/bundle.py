"""One step of ours that is many vertexes of a builder: a front end at work, and all that it asked for."""

from __future__ import annotations

from time import monotonic

from bake.engine.buildkit.board import Board, Tally
from bake.engine.buildkit.status import Ended, Said, Started, Update
from bake.plan.step import Step


class Bundle:
    """`where`: the builder's address. What is told counts from when it is made."""

    def __init__(self, board: Board, step: Step, where: str) -> None:
        self.step = step
        self._board = board
        self._where = where
        self._began = monotonic()
        self._ran: set[str] = set()
        self._parts: frozenset[str] = frozenset()
        self._last = ""

    def holds(self, parts: frozenset[str], last: str) -> None:
        """The vertexes that it is made of, when they are known; others, such as files that are sent, do not count.

        With the one called `last` all is done.
        """
        self._parts, self._last = parts, last

    def overhear(self, digest: str, update: Update) -> None:
        """What is told while the front end itself is at work: of nobody's step, unless no solve tells of this one."""
        board, id = self._board, self.step.id
        self._count(digest, update)
        if id in board.ended or id in board.owners:
            return
        if isinstance(update, Started) and id not in board.started:
            board.started.add(id)
            board.places[id] = self._where
            board.journal.started(self.step, board.why(id), monotonic(), self._where)
        elif isinstance(update, Said):
            board.journal.say(self.step)(update.stream, update.line)

    def take(self, solve: str, digest: str, update: Update) -> bool:
        """Tells of an update of one of its vertexes; whether it is the first of them to start."""
        id = self.step.id
        self._count(digest, update)
        first = isinstance(update, Started) and id not in self._board.started
        if first or isinstance(update, Said):
            self._board.take(solve, [id], update, self._where)
        if isinstance(update, Ended) and digest == self._last:
            self.end()
        return first

    def _count(self, digest: str, update: Update) -> None:
        if isinstance(update, Ended) and not update.cached:
            self._ran.add(digest)

    def end(self) -> None:
        """All of it is done, whichever solve has done it."""
        board, id = self._board, self.step.id
        if id in board.ended:
            return
        ran = bool(self._ran & self._parts)
        board.places[id] = self._where
        board.end(id, "run" if ran else "cached", monotonic() - self._began)
        board.tallies.setdefault(self._where, Tally()).add(not ran)
