"""Layers of images that builders made, in the store: taken in from an export, and found again by a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time

from bake.engine.buildkit.collect import Taken
from bake.engine.buildkit.decide import Decisions
from bake.errors import Diagnostic, HostError
from bake.oci.reference import parse_reference
from bake.plan.outcome import Image, Plan
from bake.plan.step import ImageOp, StepId
from bake.plan.tree import SCRATCH, StateId, state_of_images
from bake.ports.records import Parts, Record
from bake.ports.store import Store


class Images:
    """Image ↔ the states of its layers, bottom first."""

    def __init__(self, plan: Plan, store: Store, decisions: Decisions) -> None:
        self._plan = plan
        self._store = store
        self._decisions = decisions
        self._rows: list[tuple[Record, Parts]] = []

    def base_diff_ids(self, image: Image) -> tuple[str, ...]:
        """Diff ids of the layers that come with the base image."""
        op = next((op for ref in image.layers if isinstance(op := self._plan.steps[ref.step].op, ImageOp)), None)
        return op.diff_ids if op is not None else ()

    def known(self, image: Image) -> tuple[StateId, ...] | None:
        """The layers of an image that is here, with all of them; None when it must be built."""
        self.register_bases(image)
        own = sum(ref.index < 0 for ref in image.layers)
        if not own:
            return state_of_images(self.base_diff_ids(image))
        record = self._store.records.lookup(self._decisions.image_key(image))
        if record is None:
            return None
        chain = self._store.layers.chain(record.state)
        here = all(any(self._store.blobs.path(b.digest) for b in layer.blobs) for layer in chain[len(chain) - own :])
        return tuple(layer.state for layer in chain) if here and len(chain) == len(image.layers) else None

    def already(self, image: Image, diff_ids: tuple[str, ...]) -> tuple[StateId, ...] | None:
        """The states of layers with these diff ids, if the store has all that are the image's own."""
        base = len(self.base_diff_ids(image))
        states = state_of_images(diff_ids)
        layers = [self._store.layers.layer(state) for state in states[base:]]
        here = all(layer is not None and any(self._store.blobs.path(b.digest) for b in layer.blobs) for layer in layers)
        return states if here and len(states) == len(image.layers) else None

    def register_bases(self, image: Image) -> None:
        """Lets the store know the layers of the base image, which stay where they are."""
        for ref in image.layers:
            op = self._plan.steps[ref.step].op
            if isinstance(op, ImageOp) and op.diff_ids:
                state = state_of_images(op.diff_ids)[-1]
                if self._store.layers.layer(state) is None:
                    repository = parse_reference(op.reference).repository
                    self._store.layers.add_image(op.diff_ids, op.layers, repository, 0.0)

    def take_in(self, image: Image, taken: Sequence[Taken]) -> tuple[StateId, ...]:
        """Registers what was exported. Raises HostError when it is not what the plan says."""
        base = self.base_diff_ids(image)
        if len(taken) != len(image.layers) or tuple(row.diff_id for row in taken[: len(base)]) != base:
            message = f"the builder made {len(taken)} layers of '{image.target}', the plan has {len(image.layers)}"
            raise HostError(Diagnostic("bad-export", message, hint="report this with the Dockerfile"))
        states = list(state_of_images(base))
        parent = states[-1] if states else SCRATCH
        for row in taken[len(base) :]:
            assert row.blob is not None, "only base layers are known before"
            parent = self._store.layers.add_built(parent, row.diff_id, row.blob, row.created or time()).state
            states.append(parent)
        return tuple(states)

    def remember(
        self,
        image: Image,
        states: Sequence[StateId] | None,
        seconds: Mapping[StepId, float],
        parts: Mapping[StepId, Parts],
    ) -> None:
        """Records the image, and each of its steps as part of it; without states, that a builder has them."""
        top, now = (states[-1] if states else SCRATCH), time()
        rows: list[tuple[Record, Parts]] = []
        if states is not None:
            rows.append((Record(self._decisions.image_key(image), top, now), {}))
        rows += [
            (Record(self._decisions.keys[step], top, now, seconds.get(step, 0.0)), dict(made))
            for step, made in parts.items()
        ]
        if states is not None:
            self._store.records.remember_all(rows)
        else:  # nothing is lost with them but a question to the builder, so they wait for the end of the run
            self._rows += rows

    def flush(self) -> None:
        """Writes what waits."""
        if self._rows:
            self._store.records.remember_all(self._rows)
            self._rows = []
