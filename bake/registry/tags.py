"""The tags of one publication: which are right already, which stay, which must not move, and moving the rest as one.

A registry moves one tag at a time, so two runs that move the same tags can mix. Who finds the tags mixed when it is
done moves them all again after a pause; who finds them all its own, or all another's, is done. So the last run that
completes has them all.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import anyio

from bake import events
from bake.errors import BakeError, Diagnostic, RemoteError
from bake.oci.digest import Digest
from bake.oci.model import Descriptor
from bake.oci.reference import DEFAULT_TAG, Reference
from bake.registry.client import Registry
from bake.registry.problems import ResponseError
from bake.registry.publication import Publication, TagOutcome
from bake.registry.sameness import same_but_for_times
from bake.registry.together import together

_ROUNDS = 6
_PAUSE = 0.25  # seconds, growing; long against the moving of all tags

Emit = Callable[[events.Event], None]
Put = Callable[[Publication, Reference], Awaitable[Digest]]
"""Puts the root of an image under a tag."""


def is_immutable(tag: Reference, patterns: Sequence[str]) -> bool:
    """Whether a tag is one of those that must not move: `v*` names all that start with v."""
    return any(fnmatchcase(tag.tag or DEFAULT_TAG, pattern) for pattern in patterns)


class Tags:
    """`waiting` are the tags still to be moved, with their images; `outcomes` those that are right now."""

    def __init__(self, registry: Registry, emit: Emit) -> None:
        self._registry = registry
        self._emit = emit
        self._mine: set[Reference] = set()
        self.outcomes: list[TagOutcome] = []
        self.waiting: dict[Reference, Publication] = {}

    async def look(self, image: Publication, tag: Reference) -> Literal["right", "stays", "waits"]:
        """What is to be done with a tag, before anything of its image is sent.

        Raises RemoteError for an immutable tag that points elsewhere.
        """
        current = await self._current(tag)
        if current is not None and current.digest == image.root.digest:
            self._publish(TagOutcome(image.target, tag, current.digest, unchanged=True))
            return "right"
        if current is not None and is_immutable(tag, image.immutable):
            raise _immovable(tag, current.digest, image)
        if current is not None and await self._stays(image, tag, current):
            self.waiting.pop(tag, None)
            self._emit(_kept(image, tag, current.digest))
            return "stays"
        return "waits"

    async def check(self) -> None:
        """Looks at immutable tags once more, right before tags move. Raises RemoteError."""
        rows = [(tag, image) for tag, image in self.waiting.items() if is_immutable(tag, image.immutable)]
        there = await self._all([tag for tag, _ in rows])
        for tag, image in rows:
            found = there[tag]
            if found is not None and found.digest != image.root.digest:
                raise _immovable(tag, found.digest, image)

    async def move(self, put: Put, job: Callable[..., Callable[[], Awaitable[None]]]) -> None:
        """Moves what waits; `job` makes a piece of work whose failure the caller keeps."""
        moved = dict(self.waiting)

        async def one(tag: Reference) -> None:
            digest = await put(moved[tag], tag)
            if tag in self.waiting:
                self._publish(TagOutcome(moved[tag].target, tag, digest))

        await together([job(one, tag) for tag in moved])
        for number in range(_ROUNDS):
            if self.waiting or not await self._mixed(moved):
                return
            await anyio.sleep(_PAUSE * (number + 1) * random.uniform(0.2, 1.0))
            await together([job(one, tag) for tag in moved])
        self._emit(_contested(moved))

    async def _mixed(self, moved: Mapping[Reference, Publication]) -> bool:
        """Whether some of the tags are ours and some another run's. Tags that never move need no look."""
        rows = {tag: image for tag, image in moved.items() if not is_immutable(tag, image.immutable)}
        if len(rows) < 2:
            return False
        try:
            there = await self._all(list(rows))
        except BakeError:
            return False
        ours = {tag for tag, found in there.items() if found and found.digest == rows[tag].root.digest}
        return 0 < len(ours) < len(there)

    async def _stays(self, image: Publication, tag: Reference, current: Descriptor) -> bool:
        if image.rule == "if-missing":
            return True
        if image.rule == "if-changed":
            return await same_but_for_times(self._registry, image, tag, current)
        return False

    async def _current(self, tag: Reference) -> Descriptor | None:
        """A registry may refuse to be read where it may be written, or say so of what is not there yet."""
        try:
            return await self._registry.resolve(tag)
        except ResponseError as error:
            if error.status in (401, 403, 404):
                return None
            raise

    async def _all(self, tags: Sequence[Reference]) -> dict[Reference, Descriptor | None]:
        """What they point at now. Raises BakeError."""
        found: dict[Reference, Descriptor | None] = {}
        failures: list[BakeError] = []

        def job(tag: Reference) -> Callable[[], Awaitable[None]]:
            async def ask() -> None:
                try:
                    found[tag] = await self._current(tag)
                except BakeError as error:
                    failures.append(error)

            return ask

        await together([job(tag) for tag in tags])
        if failures:
            raise failures[0]
        return found

    def _publish(self, outcome: TagOutcome) -> None:
        self.outcomes.append(outcome)
        self.waiting.pop(outcome.tag, None)
        self._emit(
            events.TagPublished(
                target=outcome.target, tag=outcome.tag.familiar, digest=outcome.digest, unchanged=outcome.unchanged
            )
        )


def _immovable(tag: Reference, there: str, image: Publication) -> RemoteError:
    message = f"{tag.familiar} is immutable: the registry has {there}, '{image.target}' is now {image.root.digest}"
    return RemoteError(Diagnostic("immutable-tag", message, hint="give the new image a new tag"))


def _kept(image: Publication, tag: Reference, there: str) -> events.DiagnosticFound:
    why = 'push = "if-missing"' if image.rule == "if-missing" else "only times differ"
    message = f"{tag.familiar} stays at {there} ({why}); '{image.target}' is now {image.root.digest}"
    return events.DiagnosticFound(diagnostic=events.DiagnosticInfo(code="tag-kept", severity="info", message=message))


def _contested(moved: Mapping[Reference, Publication]) -> events.DiagnosticFound:
    message = f"another run keeps moving these tags: {', '.join(tag.familiar for tag in moved)}"
    hint = "let the other run end, then push again"
    return events.DiagnosticFound(
        diagnostic=events.DiagnosticInfo(code="tags-contested", severity="warning", message=message, hint=hint)
    )
