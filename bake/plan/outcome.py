"""What compiling comes to: the step graph, and for each image how its config and history follow from steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bake.errors import Diagnostic
from bake.oci.model import History, ImageConfig
from bake.oci.platform import Platform
from bake.plan.facts import Needs
from bake.plan.origin import Origin
from bake.plan.step import Step, StepId
from bake.spec.target import Target


@dataclass(frozen=True, slots=True)
class LayerRef:
    """A layer of an image: the one that `step` makes, or the `index`-th of an ImageOp's.

    Of a FrontendOp: all layers that it makes, until they are counted (plan/opaque.py).
    """

    step: StepId
    index: int = -1


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """An entry of our own: `layer` is the step whose layer it stands for, None for a config-only instruction."""

    created_by: str
    layer: StepId | None = None
    comment: str = "buildkit.dockerfile.v0"


@dataclass(frozen=True)
class Image:
    """One target for one platform. `config` has neither history, diff ids nor a time yet.

    `history` holds base entries verbatim and our own lines; `base_history` counts the leading verbatim ones.
    """

    target: str
    platform: Platform
    state: StepId
    config: ImageConfig
    layers: tuple[LayerRef, ...]
    history: tuple[History | HistoryLine, ...]
    tests: tuple[StepId, ...] = ()
    """Steps that must succeed before the image is published; their layers belong to no image."""
    epoch: int | None = None
    """SOURCE_DATE_EPOCH in unix seconds: no time that this build adds is later."""
    opaque: StepId | None = None
    """The front end's step that tells the config when it is built; `config` only holds what overrides that."""


@dataclass(frozen=True)
class Plan:
    """The compiled whole. `steps` in topological order; `needs` holds what only running must still know."""

    steps: Mapping[StepId, Step]
    origins: Mapping[StepId, tuple[Origin, ...]]
    images: tuple[Image, ...]
    targets: Mapping[str, Target]
    """Every target that takes part, requested or linked."""
    requested: tuple[str, ...]
    edges: Mapping[str, tuple[str, ...]]
    """Target → targets whose states it builds on (`contexts`, `FROM` a sibling's tag)."""
    needs: Needs = field(default_factory=Needs)
    warnings: tuple[Diagnostic, ...] = ()

    def image_of(self, target: str) -> tuple[Image, ...]:
        """The images of a target, in the order of its platforms."""
        return tuple(self._by_target.get(target, ()))

    @cached_property
    def _by_target(self) -> Mapping[str, list[Image]]:
        found: dict[str, list[Image]] = {}
        for image in self.images:
            found.setdefault(image.target, []).append(image)
        return found
