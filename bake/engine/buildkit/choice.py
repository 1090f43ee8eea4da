"""Which builder builds which image. Pure, so that a thousand targets on twenty builders can be tried on paper.

Rendezvous hashing of the *step prefix* that images share: who shares steps meets the same cache, and a builder that
leaves moves only what was its own. No builder gets more than its part of the work, weighted by slots; what does not
fit goes to the next in the ranking. An image stays where it was built last while that builder is there.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bake.oci.platform import parse_platform
from bake.plan.step import ExecOp, FrontendOp, Step, StepId


@dataclass(frozen=True, slots=True)
class Candidate:
    """A builder as one chooses it. `platforms` empty: any; `slots`: solves at once.

    `memory` (bytes) and `cpus`: what `resources` of those may add up to, 0: any number.
    """

    addr: str
    platforms: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    slots: int = 8
    memory: int = 0
    cpus: float = 0.0

    def fits(self, work: Work) -> bool:
        """Whether it may build this at all."""
        labelled = all(self.labels.get(k) == v for k, v in work.labels.items())
        return labelled and all(self._runs(platform) for platform in work.platforms)

    def _runs(self, platform: str) -> bool:
        if not self.platforms:
            return True
        wanted = [parse_platform(platform)]
        if (wanted[0].os, wanted[0].arch) == ("linux", "386"):  # every amd64 processor runs it, though few say so
            wanted.append(parse_platform("linux/amd64"))
        return any(parse_platform(own).matches(each) for own in self.platforms for each in wanted)


@dataclass(frozen=True, slots=True)
class Work:
    """An image to build: `name` tells it from others from run to run, `prefix` says with whom it shares steps.

    `platforms`: those that its commands run on, which a builder must have. The image's own may be another one: files
    are copied everywhere.
    """

    name: str
    prefix: str
    platforms: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def ranked(prefix: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Rendezvous order, weighted by slots: everybody who asks gets the same, whatever else is there."""
    return sorted(candidates, key=lambda c: (-_score(prefix, c), c.addr))


def _score(prefix: str, candidate: Candidate) -> float:
    number = int.from_bytes(hashlib.sha256(f"{prefix}\0{candidate.addr}".encode()).digest()[:8])
    return -max(candidate.slots, 1) / math.log((number + 1) / (2**64 + 2))


def assign(
    works: Sequence[Work], candidates: Sequence[Candidate], last: Mapping[str, str] | None = None
) -> dict[str, Candidate]:
    """Name of the work → its builder; what no builder fits is left out. `last`: name → address of the last time."""
    room = _room(len(works), candidates)
    made: dict[str, Candidate] = {}
    by_addr = {c.addr: c for c in candidates}
    for work in works:
        old = by_addr.get((last or {}).get(work.name, ""))
        if old is not None and old.fits(work):
            made[work.name] = old
            room[old.addr] -= 1
    for work in sorted(works, key=lambda w: (w.prefix, w.name)):
        if work.name in made:
            continue
        order = ranked(work.prefix, (c for c in candidates if c.fits(work)))
        if order:
            chosen = next((c for c in order if room[c.addr] > 0), order[0])
            made[work.name] = chosen
            room[chosen.addr] -= 1
    return made


def _room(works: int, candidates: Sequence[Candidate]) -> dict[str, int]:
    total = sum(max(c.slots, 1) for c in candidates) or 1
    return {c.addr: math.ceil(works * max(c.slots, 1) / total) for c in candidates}


def platforms_run(ids: Iterable[StepId], steps: Mapping[StepId, Step], own: str) -> tuple[str, ...]:
    """The platforms that the RUNs among `ids` are for, `own` where they say none, and those that front ends run on."""
    wanted = [steps[id] for id in ids]
    runs = {step.platform or own for step in wanted if isinstance(step.op, ExecOp)}
    return tuple(sorted(runs | {step.op.runs_on for step in wanted if isinstance(step.op, FrontendOp)}))


def prefixes(finals: Mapping[str, StepId], steps: Mapping[StepId, Step]) -> dict[str, str]:
    """Name → the last step of its chain that another one has too, else its final step."""
    chains = {name: _chain(final, steps) for name, final in finals.items()}
    shared = Counter(step for chain in chains.values() for step in chain)
    return {
        name: next((step for step in chain if shared[step] > 1 and not steps[step].is_source), chain[0])
        for name, chain in chains.items()
    }


def _chain(final: StepId, steps: Mapping[StepId, Step]) -> list[StepId]:
    """From the final step down to the base."""
    found = [final]
    while steps[found[-1]].inputs:
        found.append(steps[found[-1]].inputs[0])
    return found
