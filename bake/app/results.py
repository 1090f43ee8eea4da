"""What the store keeps of a built image, so that it can be run, pushed and inspected without building again."""

from __future__ import annotations

import msgspec

from bake.gather.kept import kept
from bake.image.attest.values import Invocation
from bake.oci.model import History, ImageConfig
from bake.oci.platform import parse_platform
from bake.plan.outcome import HistoryLine, Image, LayerRef
from bake.plan.step import StepId
from bake.plan.tree import StateId


class _Line(msgspec.Struct, frozen=True, array_like=True):
    entry: History
    layer: int


class Built(msgspec.Struct, frozen=True):
    """One target for one platform as last built. `states`: each layer's state, bottom first; `state` the final one.

    `history` pairs each entry with the number of the layer that gives it its time, -1 for none.
    """

    target: str
    platform: str
    state: StateId
    states: tuple[StateId, ...]
    config: ImageConfig
    history: tuple[_Line, ...]
    tags: tuple[str, ...] = ()
    epoch: int | None = None
    made: Invocation | None = None
    """How it was made, where a statement is to tell it."""
    here: bool = True
    """Whether its layers are in the store; else a builder has them, and `states` is empty."""

    def image(self) -> Image:
        """As a plan's image, whose steps are named by the number of their layer."""
        lines = tuple(
            line.entry
            if line.layer == _VERBATIM
            else HistoryLine(
                line.entry.created_by, StepId(str(line.layer)) if line.layer >= 0 else None, line.entry.comment
            )
            for line in self.history
        )
        refs = tuple(LayerRef(StepId(str(number))) for number in range(len(self.states)))
        return Image(self.target, parse_platform(self.platform), StepId(""), self.config, refs, lines, epoch=self.epoch)


_VERBATIM = -2


def built(
    image: Image,
    states: tuple[StateId, ...],
    state: StateId,
    tags: tuple[str, ...],
    made: Invocation | None = None,
    here: bool = True,
) -> Built:
    """The record of an image whose layers have these states."""
    numbers = {ref.step: number for number, ref in enumerate(image.layers) if ref.index < 0}
    lines = tuple(
        _Line(entry, _VERBATIM)
        if isinstance(entry, History)
        else _Line(
            History(None, entry.created_by, comment=entry.comment),
            numbers[entry.layer] if entry.layer is not None else -1,
        )
        for entry in image.history
    )
    return Built(image.target, str(image.platform), state, states, image.config, lines, tags, image.epoch, made, here)


def encode(record: Built) -> bytes:
    return msgspec.msgpack.encode(record)


def decode(data: bytes | None) -> Built | None:
    """None if nothing is kept, or it cannot be read: then it was not built, as far as anybody knows."""
    return kept(data, Built)


def name_of(root: str, target: str, platform: str) -> str:
    """The name a result is kept under: the directory of the spec, the target, the platform."""
    return f"{root}\n{target}\n{platform}"
