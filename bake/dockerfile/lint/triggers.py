"""ONBUILD triggers of a base, as the rules see them: instructions at the FROM line (reference/dockerfile.md §9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bake.dockerfile.instructions import Onbuild, Stage
from bake.dockerfile.lint.scopes import base_fact, base_stages
from bake.dockerfile.lint.view import View, Written
from bake.dockerfile.parse import parse_instruction
from bake.errors import InputError


def with_triggers(view: View) -> View:
    """With what each stage's base has it do first, whether that is a stage or an image that is known."""
    bases = base_stages(view)
    found: dict[int, tuple[Written, ...]] = {}
    for stage, at in view.stages():
        base, fact = bases[stage.index], base_fact(view, stage)
        if base is not None:
            body = view.dockerfile.stages[base].instructions
            found[stage.index] = tuple(_written(at, stage, [i.trigger for i in body if isinstance(i, Onbuild)]))
        elif fact is not None and fact.triggers:
            found[stage.index] = tuple(_written(at, stage, fact.triggers))
    return replace(view, triggered=found) if any(found.values()) else view


def _written(at: Written, stage: Stage, triggers: Sequence[str]) -> Iterator[Written]:
    for text in triggers:
        try:
            item = parse_instruction(text, stage.span)
        except InputError:
            continue  # building tells it
        yield replace(at, item=item, keyword=text.split(maxsplit=1)[0], triggered=True)
