"""How much may run at once: job slots (`-j`), and the memory and processors that targets declare in `resources`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bake.plan.step import ExecOp, Step
from bake.spec.target import Target

_CPU_PERIOD = 100_000
"""Microseconds: what `cpu-quota` counts in, when no `cpu-period` says otherwise (the kernel's default)."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Job slots, bytes of memory, processors."""

    slots: float = 1.0
    memory: float = 0.0
    cpus: float = 0.0


class Capacity:
    """What is left of `total`. A part of `total` that is 0 has no bound."""

    def __init__(self, total: Amount) -> None:
        self._total = total
        self._used = Amount(0.0)
        self._holders = 0

    def take(self, wanted: Amount) -> bool:
        """Whether that much is free, which it then no longer is. One that wants more than there is runs alone."""
        used = _sum(self._used, wanted)
        if self._holders and not _within(used, self._total):
            return False
        self._used = used
        self._holders += 1
        return True

    def give(self, taken: Amount) -> None:
        """It is free again."""
        self._holders -= 1
        less = Amount(-taken.slots, -taken.memory, -taken.cpus)
        self._used = _sum(self._used, less) if self._holders else Amount(0.0)  # no rounding errors are carried on


def demand(step: Step, targets: Iterable[Target]) -> Amount:
    """What a step takes: the most that one of its targets says. Only RUN steps have `resources`."""
    found = {_of_target(step, target) for target in targets}
    if len(found) == 1:
        return next(iter(found))
    return Amount(
        max((each.slots for each in found), default=1.0),
        max((each.memory for each in found), default=0.0),
        max((each.cpus for each in found), default=0.0),
    )


def _of_target(step: Step, target: Target) -> Amount:
    if not target.resources or not isinstance(step.op, ExecOp):
        return Amount(target.weight)
    limits = {name: float(str(value)) for name, value in target.resources.items() if not name.startswith("cpuset-")}
    cpus = limits.get("cpu-quota", 0.0) / (limits.get("cpu-period") or _CPU_PERIOD)
    return Amount(target.weight, max(limits.get("memory", 0.0), 0.0), cpus)


def _sum(first: Amount, second: Amount) -> Amount:
    return Amount(first.slots + second.slots, first.memory + second.memory, first.cpus + second.cpus)


def _within(used: Amount, total: Amount) -> bool:
    pairs = ((used.slots, total.slots), (used.memory, total.memory), (used.cpus, total.cpus))
    return all(not bound or amount <= bound + 1e-9 for amount, bound in pairs)
