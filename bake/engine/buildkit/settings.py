"""How a run has its images built, as the composition root says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bake.engine.buildkit.solve import Caches
from bake.errors import Diagnostic
from bake.plan.step import StepId
from bake.ports.store import Store

Wanted = Literal["nothing", "files", "layers"]
"""What of an image is taken into the store: with "files" those of its final state alone, as one layer."""


@dataclass(frozen=True)
class BuildSettings:
    """How images are built. All but `tell` take a target's name, or steps.

    `form`: (compression, level) of the layers that are taken in; `wanted`: what of an image is, and does not
    just stay in the builder; `caches`: those elsewhere that are read and written; `shown`: how a step is named.
    """

    store: Store
    platform: str
    form: Callable[[str], tuple[str, int]]
    wanted: Callable[[str], Wanted]
    caches: Callable[[str], Caches]
    tell: Callable[[Diagnostic], None]
    shown: Mapping[StepId, str]
