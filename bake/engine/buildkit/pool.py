"""The builders of a run: how much each does at once, and which of them are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from bake.engine.buildkit.board import Tally
from bake.engine.buildkit.choice import Candidate, Work, assign, ranked
from bake.engine.buildkit.site import Site
from bake.engine.buildkit.solve import BuilderLost
from bake.engine.buildkit.turns import Turns
from bake.errors import Diagnostic, HostError
from bake.ports.files import Files
from bake.solve.capacity import Amount

_FACT = "builders"
_TALLY = "builder-tally"


class Pool:
    """`open_site` makes the connection to one of `candidates`, the first time it is used."""

    def __init__(self, candidates: Sequence[Candidate], files: Files, open_site: Callable[[Candidate], Site]) -> None:
        self.candidates = tuple(candidates)
        self._files = files
        self._open = open_site
        self._sites: dict[str, Site] = {}
        self._turns = {c.addr: Turns(Amount(max(1, c.slots), c.memory, c.cpus)) for c in candidates}
        self._dead: dict[str, HostError] = {}

    def assign(self, root: str, works: Sequence[Work]) -> Mapping[str, Candidate]:
        """The builder of each work, remembered for the next run. Raises HostError when one has none."""
        data = self._files.fact(_FACT, root)
        last = msgspec.msgpack.decode(data, type=dict[str, str]) if data else {}
        made = assign(works, self.candidates, last)
        for work in works:
            if work.name not in made:
                raise self.none_for(work)
        now = last | {name: candidate.addr for name, candidate in made.items()}
        if len(self.candidates) > 1 and now != last:
            self._files.remember_fact(_FACT, root, msgspec.msgpack.encode(now))
        return made

    def next_for(self, work: Work) -> Candidate | None:
        """The best builder for it among those that are alive."""
        alive = (c for c in self.candidates if c.addr not in self._dead and c.fits(work))
        return next(iter(ranked(work.prefix, alive)), None)

    def is_dead(self, candidate: Candidate) -> bool:
        return candidate.addr in self._dead

    def bury(self, candidate: Candidate, error: HostError, *, for_good: bool) -> None:
        """It went away: its connection is given up, and, for good, nothing more is given to it in this run."""
        if for_good:
            self._dead[candidate.addr] = error
        if candidate.addr in self._sites:
            self._sites[candidate.addr].abandon()

    def none_for(self, work: Work) -> HostError:
        """The error when there is no builder for a work, or none any more."""
        if len(self._dead) == len(self.candidates) and self._dead:
            return next(iter(self._dead.values()))
        wanted = [*work.platforms]
        wanted += [f"{name}={value}" for name, value in work.labels.items()]
        message = f"no builder for {', '.join(wanted) or work.name}"
        hint = "`bake builders` shows what each one builds"
        return HostError(Diagnostic("no-builder-fits", message, hint=hint))

    @asynccontextmanager
    async def use(self, candidate: Candidate, wanted: Amount) -> AsyncIterator[Site]:
        """A turn on a builder, with so much of it. Raises HostError when it cannot be reached."""
        async with self._turns[candidate.addr].take(wanted):
            site = self._sites.get(candidate.addr)
            if site is None:
                site = self._sites[candidate.addr] = self._open(candidate)
            try:
                await site.open()
            except HostError as error:
                if self._is_worth_another(error, site):
                    raise BuilderLost(error.diagnostics) from None
                raise
            yield site

    def _is_worth_another(self, error: HostError, site: Site) -> bool:
        """Whether another builder, or this one a little later, may do: not on a first contact that fails."""
        away = error.diagnostics[0].code in ("no-builder", "builder-lost")
        return away and (len(self.candidates) > 1 or site.was_open)

    def tally(self, tallies: Mapping[str, Tally]) -> None:
        """Adds what this run's steps came to on each builder to what is remembered (`bake builders`)."""
        for addr, now in tallies.items():
            before = remembered_tally(self._files, addr)
            total = (before.cached + now.cached, before.run + now.run)
            self._files.remember_fact(_TALLY, addr, msgspec.msgpack.encode(total))

    async def close(self) -> None:
        for site in self._sites.values():
            await site.close()
        self._sites.clear()


def remembered_tally(files: Files, addr: str) -> Tally:
    """What a builder's steps came to in all runs of this user."""
    data = files.fact(_TALLY, addr)
    return Tally(*msgspec.msgpack.decode(data, type=tuple[int, int])) if data else Tally()
