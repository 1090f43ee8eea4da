"""What a walk is told besides its plan: how much at once, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bake.plan.step import StepId


@dataclass(frozen=True)
class Settings:
    """`root`: see Origin.slot; `jobs`: steps at once; `keep_going`: a failure stops only what depends on it."""

    root: str
    jobs: int = 4
    keep_going: bool = False
    after: Mapping[StepId, frozenset[StepId]] = field(default_factory=dict)
    """Order-only edges: step → steps that must be done before it (`after = […]`)."""
    memory: int = 0
    """Bytes that the `resources` of running steps may add up to; 0: any number. So `cpus`."""
    cpus: int = 0
