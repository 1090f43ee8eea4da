"""What a run keeps of the images that it makes, so that `bake push` and others find them later."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bake.app.attesting import attest_of
from bake.app.planning import Planned
from bake.app.results import Built, built, decode, encode, name_of
from bake.app.session import Session
from bake.image.attest.values import Invocation
from bake.plan.outcome import Image
from bake.solve.results import MadeImage

Made = Callable[[Image], MadeImage | None]
"""The layers of an image; None while one is not made."""


class Keeper:
    """The results of one run, in the store. `root` is the directory of its spec."""

    def __init__(self, session: Session, root: str, planned: Planned) -> None:
        self._session = session
        self._root = root
        self._planned = planned
        self._same: dict[str, bool] = {}
        self._invocations: dict[tuple[str, str], Invocation] = {}

    def keep(self, made: Made, images: Iterable[Image]) -> list[bool | None]:
        """Keeps those that are made; of each, whether it is the one that was there before this run, None if not made.

        Called as soon as they are made, so that `bake push` goes on where this process was killed while it sent them.
        """
        new: dict[str, bytes] = {}
        records = (self._record(made, image) for image in images)
        found = [self._compare(record, new) if record is not None else None for record in records]
        if new:
            self._session.store.results.save(new)
        return found

    def invoked(self, target: str, platform: str) -> Invocation:
        """How an image is made; the commit is asked for only when a statement tells it."""
        if (target, platform) not in self._invocations:
            from bake.gather.repository import git_facts
            from bake.image.attest.invocation import invocation_of

            plan, facts = self._planned.plan, self._planned.facts
            image = next(each for each in plan.image_of(target) if str(each.platform) == platform)
            source = git_facts(plan.targets[target].root).get("sha", "")
            self._invocations[target, platform] = invocation_of(plan, facts, image, source, self._session.engine_name)
        return self._invocations[target, platform]

    def _record(self, made: Made, image: Image) -> Built | None:
        found = made(image)
        if found is None:
            return None
        target = self._planned.plan.targets[image.target]
        how = self.invoked(image.target, str(image.platform)) if attest_of(target).provenance else None
        return built(found.image, found.layers, found.final, target.tags, how, found.here)

    def _compare(self, record: Built, new: dict[str, bytes]) -> bool:
        """Whether it was there before this run; what is not there now goes into `new`."""
        name = name_of(self._root, record.target, record.platform)
        data = encode(record)
        last = self._session.store.results.load(name)
        if last != data or name not in self._same:
            before = decode(last)
            self._same[name] = before is not None and before.states == record.states
        if last != data:
            new[name] = data
        return self._same[name]
