"""Writes to a store in a loop until it is killed: `python store_killed.py ROOT SEED`.

Prints a line for each thing that the store said is durable, after it said so: `record KEY STATE` or `blob DIGEST`.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

from storing import blob_of, commit, diff_id, unpack

from bake.plan.tree import SCRATCH, StateId
from bake.ports.records import Record
from bake.store import DiskStore, open_store


def main(root: Path, seed: str) -> None:
    rng = random.Random(seed)
    store = open_store(root)
    print("ready", flush=True)
    state = SCRATCH
    for number in range(1_000_000):
        state = rng.choice(_WORKS)(_Turn(store, rng, state, f"{seed}-{number}"))


@dataclass(frozen=True)
class _Turn:
    """`state` is where the last one ended; `name` is this one's own."""

    store: DiskStore
    rng: random.Random
    state: StateId
    name: str


def _commit(turn: _Turn) -> StateId:
    files = {f"f{i}": f"{turn.name} {i}" for i in range(turn.rng.randrange(1, 8))}
    parent = turn.state if turn.rng.random() < 0.9 else SCRATCH
    made = commit(turn.store.layers, parent, **files).state
    turn.store.records.remember(Record(f"key-{turn.name}", made, 1.0), {"instruction": turn.name})
    print("record", f"key-{turn.name}", made, flush=True)
    return made


def _again(turn: _Turn) -> StateId:
    """The same few layers by everybody."""
    return commit(turn.store.layers, SCRATCH, shared=str(turn.rng.randrange(20))).state


def _alias(turn: _Turn) -> StateId:
    top = commit(turn.store.layers, SCRATCH, linked=turn.name).state
    return turn.store.layers.alias(turn.state, top).state


def _image(turn: _Turn) -> StateId:
    images = [diff_id(f"{turn.name} {number}") for number in range(3)]
    top = turn.store.layers.add_image(images, [blob_of(i.encode()) for i in images], "host/r", 1.0)
    for layer in turn.store.layers.chain(top)[: turn.rng.randrange(4)]:
        unpack(turn.store.layers, layer.state, image=layer.diff_id)
    return turn.state


def _blob(turn: _Turn) -> StateId:
    digest = turn.store.blobs.put(turn.name.encode() * turn.rng.randrange(1, 5000))
    print("blob", digest, flush=True)
    if turn.state != SCRATCH:
        turn.store.layers.archived(turn.state, diff_id(turn.name), blob_of(turn.name.encode()))
    return turn.state


def _end(turn: _Turn) -> StateId:
    turn.store.records.visit(
        {f"slot{i}": f"key-{turn.name}" for i in range(20)}, {f"key-{turn.name}": {"a": turn.name}}
    )
    turn.store.results.save({"result": turn.name.encode()})
    turn.store.flush()
    return turn.state


_WORKS = (_commit, _commit, _again, _alias, _image, _blob, _end)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
