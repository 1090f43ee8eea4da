"""Layers of images that builders made, in the store: taken in from an export, and found again by a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time

import msgspec

from bake.engine.buildkit.collect import Export
from bake.engine.buildkit.decide import Decisions
from bake.errors import Diagnostic, HostError
from bake.oci.model import Descriptor, History, ImageConfig
from bake.oci.reference import parse_reference
from bake.plan.opaque import Part, completed, front_history, frontend_below
from bake.plan.outcome import Image, Plan
from bake.plan.step import ImageOp, StepId
from bake.plan.tree import SCRATCH, StateId, state_of_images
from bake.ports.files import Files
from bake.ports.records import Parts, Record
from bake.ports.store import Store

_FACT, _CONFIG = "frontend", "frontend-config"


@dataclass(frozen=True)
class Held:
    """What the store has of an image: the states of its layers, bottom first, or one with its files, or neither."""

    layers: tuple[StateId, ...] | None = None
    files: StateId | None = None

    @property
    def top(self) -> StateId:
        """A state that keeps it from being pruned."""
        return self.files or (self.layers[-1] if self.layers else SCRATCH)


class Images:
    """Image ↔ the states of its layers, bottom first."""

    def __init__(self, plan: Plan, store: Store, decisions: Decisions) -> None:
        self._plan = plan
        self._store = store
        self._decisions = decisions
        self._rows: dict[str, tuple[Record, Parts]] = {}
        self._parts: dict[tuple[str, str], Part] = {}
        self._configs: dict[StepId, ImageConfig] = {}

    def base_diff_ids(self, image: Image) -> tuple[str, ...]:
        """Diff ids of the layers that come with the base image."""
        op = next((op for ref in image.layers if isinstance(op := self._plan.steps[ref.step].op, ImageOp)), None)
        return op.diff_ids if op is not None else ()

    def known(self, image: Image) -> tuple[StateId, ...] | None:
        """The layers of an image that is here, with all of them; None when it must be built."""
        self.register_bases(image)
        own = sum(ref.index < 0 for ref in image.layers)
        part = self._recall(image)
        if part is None and self.frontend(image) is not None:
            return None
        if part is not None:
            own += part.layers - 1
        if not own:
            return state_of_images(self.base_diff_ids(image))
        record = self._store.records.lookup(self._decisions.image_key(image))
        if record is None:
            return None
        chain = self._store.layers.chain(record.state)
        here = all(any(self._store.blobs.path(b.digest) for b in layer.blobs) for layer in chain[len(chain) - own :])
        count = len(self.completed(image).layers)
        return tuple(layer.state for layer in chain) if here and len(chain) == count else None

    def known_files(self, image: Image) -> StateId | None:
        """The state with the files of an image; None when they must be fetched."""
        record = self._store.records.lookup(self._decisions.files_key(image))
        layer = self._store.layers.layer(record.state) if record is not None else None
        here = layer is not None and any(self._store.blobs.path(blob.digest) for blob in layer.blobs)
        return record.state if record is not None and here else None

    def already(self, image: Image, diff_ids: tuple[str, ...]) -> tuple[StateId, ...] | None:
        """The states of layers with these diff ids, if the store has all that are the image's own.

        None as well for what a front end made, since only an export tells its history.
        """
        if self.frontend(image) is not None:
            return None
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

    def frontend(self, image: Image) -> StepId | None:
        """The front end's step that the image stands on, if any."""
        return frontend_below(image, self._plan.steps)

    def completed(self, image: Image) -> Image:
        """The image as it is now that its layers are known."""
        step, part = self.frontend(image), self._parts.get(_id(image))
        return image if step is None or part is None else completed(image, step, part)

    def written(self, image: Image) -> tuple[History, ...]:
        """The history that a front end wrote itself, without that of layers that it did not mention."""
        step = self.frontend(image)
        return self._configs[step].history if step is not None else ()

    def told(self, image: Image, export: Export | None = None) -> None:
        """Notes what a front end has contributed; without an export its layers are none that are known."""
        step = self.frontend(image)
        if step is None:
            return
        layers = len(export.layers) - len(image.layers) + 1 if export is not None else 0
        history = front_history(export.history if export else (), layers, len(self.written(image)))
        part = self._parts[_id(image)] = Part(layers, history, self._configs[step])
        if export is not None:
            self._store.files.remember_fact(_FACT, self._decisions.image_key(image), msgspec.msgpack.encode(part))

    def remember_config(self, step: StepId, config: ImageConfig) -> None:
        """What a front end says of its image; kept for plans of what stands on it."""
        self._configs[step] = config
        data = msgspec.msgpack.encode(Part(0, (), config))
        self._store.files.remember_fact(_CONFIG, self._decisions.keys[step], data)

    def _recall(self, image: Image) -> Part | None:
        if self.frontend(image) is None:
            return None
        part = _kept(self._store.files, _FACT, self._decisions.image_key(image))
        if part is not None:
            self._parts[_id(image)] = part
        return part

    def take_in(self, image: Image, export: Export) -> tuple[StateId, ...]:
        """Registers what was exported. Raises HostError when it is not what the plan says."""
        taken = export.layers
        self.told(image, export)
        image = self.completed(image)
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

    def take_files(self, diff_id: str, blob: Descriptor) -> StateId:
        """Registers an archive of all files of an image."""
        return self._store.layers.add_built(SCRATCH, diff_id, blob, time()).state

    def remember(
        self,
        image: Image,
        held: Held,
        seconds: Mapping[StepId, float],
        parts: Mapping[StepId, Parts],
    ) -> None:
        """Records the image, and each of its steps as part of it; without layers, that a builder has them."""
        top, now = held.top, time()
        rows: list[tuple[Record, Parts]] = []
        if held.layers is not None:
            rows.append((Record(self._decisions.image_key(image), top, now), {}))
        if held.files is not None:
            rows.append((Record(self._decisions.files_key(image), top, now), {}))
        rows += [
            (Record(self._decisions.keys[step], top, now, seconds.get(step, 0.0)), dict(made))
            for step, made in parts.items()
        ]
        if held != Held():
            self._store.records.remember_all(rows)
        else:  # nothing is lost with them but a question to the builder, so they wait for the end of the run
            self._rows |= {record.key: (record, made) for record, made in rows}

    def flush(self) -> None:
        """Writes what waits."""
        if self._rows:
            self._store.records.remember_all(list(self._rows.values()))
            self._rows = {}


def config_of(files: Files, key: str) -> ImageConfig | None:
    """What a front end said of its image when the step with this key was last built."""
    part = _kept(files, _CONFIG, key)
    return part.config if part is not None else None


def _kept(files: Files, kind: str, name: str) -> Part | None:
    """None as well for what cannot be read."""
    data = files.fact(kind, name)
    try:
        return msgspec.msgpack.decode(data, type=Part) if data is not None else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _id(image: Image) -> tuple[str, str]:
    return image.target, str(image.platform)
