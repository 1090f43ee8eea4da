"""The inputs from outside that a target is made of, and the names under which bake.lock pins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bake.app.loading import Loaded
from bake.app.session import Session
from bake.gather.lockfile import Lock, Name
from bake.gather.pins import name_of_git, name_of_image, name_of_url
from bake.plan.facts import Facts, ImageFact, ImageQuery, Needs
from bake.plan.step import GitOp, HttpOp

Input = ImageQuery | HttpOp | GitOp


def inputs_of(session: Session, loaded: Loaded, target: str, facts: Facts) -> frozenset[Input]:
    """Those of a target and of the targets that it builds on."""
    images = _Asked(facts.images)
    plan = session.compile([loaded.targets[target]], loaded.siblings, replace(facts, images=images), pull=True)
    steps = () if isinstance(plan, Needs) else plan.steps.values()
    remote = (step.op for step in steps if isinstance(step.op, HttpOp | GitOp))
    return frozenset((*images.asked, *remote))


def name_of(used: Input) -> Name:
    """The name of the entry that pins it, if one does."""
    if isinstance(used, ImageQuery):
        return name_of_image(used)
    return name_of_url(used) if isinstance(used, HttpOp) else name_of_git(used)


def differences(old: Lock | None, new: Lock | None) -> frozenset[Name]:
    """Entries that are not the same in both, or not in both."""
    before, after = (lock.entries if lock else {} for lock in (old, new))
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))


class _Asked(dict[ImageQuery, ImageFact]):
    """Images that note which of them were asked for."""

    def __init__(self, images: Mapping[ImageQuery, ImageFact]) -> None:
        super().__init__(images)
        self.asked: set[ImageQuery] = set()

    def get(self, query: ImageQuery, default: Any = None) -> Any:
        self.asked.add(query)
        return super().get(query, default)
