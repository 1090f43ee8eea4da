"""Images that a front end made, completed when they are built: only then it shows what is in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from bake.oci.model import History, ImageConfig
from bake.plan.frontend import overridden
from bake.plan.outcome import HistoryLine, Image, LayerRef
from bake.plan.step import FrontendOp, Step, StepId


class Part(msgspec.Struct, frozen=True):
    """What a front end has contributed to an image: `layers` at the bottom, with their `history`; its `config`."""

    layers: int
    history: tuple[History, ...]
    config: ImageConfig


def frontend_below(image: Image, steps: Mapping[StepId, Step]) -> StepId | None:
    """The step whose layers are the image's first ones, if that is a front end's."""
    return next((ref.step for ref in image.layers if isinstance(steps[ref.step].op, FrontendOp)), None)


def front_history(history: Sequence[History], layers: int, written: int) -> tuple[History, ...]:
    """What of an exported image's history stands for its first `layers` layers.

    `written`: how many entries the front end wrote itself; an exporter adds one for each layer that they lack.
    """
    end, seen = 0, 0
    while end < len(history) and (seen < layers or (end < written and history[end].empty_layer)):
        seen += not history[end].empty_layer
        end += 1
    return tuple(history[:end])


def completed(image: Image, step: StepId, part: Part) -> Image:
    """The image with every layer named, and the history of each; `step` is the front end's."""
    layers = (LayerRef(step, number) for number in range(part.layers))
    own = tuple(ref for ref in image.layers if ref.step != step)
    history = (line for line in image.history if not (isinstance(line, HistoryLine) and line.layer == step))
    return replace(
        image,
        layers=(*layers, *own),
        history=(*part.history, *history),
        config=overridden(part.config, image.config) if image.opaque == step else image.config,
        opaque=None,
    )
