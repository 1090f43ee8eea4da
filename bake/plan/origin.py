"""Where steps come from: the instruction of which Dockerfile, and which of its words what may go wrong is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bake.errors import Span

Named = Literal["source", "destination", "owner", "secret", "ssh"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an instruction that its step may fail over, and how messages name it: "" where they do not."""

    what: Named
    told: str
    span: Span


@dataclass(frozen=True, slots=True)
class Origin:
    """An instruction of a target's Dockerfile that a step stands for.

    `ordinal` counts the steps of that stage from 1; `instruction` is for display, known variables not expanded.
    `target_platform`: what the image is for, where the stage is built on another one; "" where both are the same.
    """

    target: str
    platform: str
    stage: str
    ordinal: int
    instruction: str
    span: Span | None = None
    target_platform: str = ""
    words: tuple[Word, ...] = field(default=(), compare=False, repr=False)

    def slot(self, root: str) -> str:
        """The step's stable address from run to run; `root` is the spec's directory, for many specs share a store."""
        return "\n".join((root, *self.address))

    @property
    def address(self) -> tuple[str, str, str, str]:
        """Its place within one spec."""
        way = f"->{self.target_platform}" if self.target_platform else ""
        return self.target, self.platform + way, self.stage, str(self.ordinal)
