"""Removes what is not needed any more: the least recently used first, down to limits of size and age.

Rows first, then directories: a process killed in between leaves directories without rows, which is what a store sweeps
when it is opened next. The records of removed layers stay, so that the next build can say `evicted`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from bake.store.candidates import Item
from bake.store.database import Database
from bake.store.durable import forget_tree
from bake.store.owner import Owner
from bake.store.rows import NOTHING, blobs_of
from bake.store.sweep import Remove, orphans

_FORGOTTEN_S = 90 * 86400.0
"""A record without a layer and a slot is forgotten when it was not used for that long."""


@dataclass(frozen=True)
class Limits:
    """`size`: bytes that may stay; `age`: seconds since the last use. Without any, nothing stays that need not."""

    size: int | None = None
    age: float | None = None

    @property
    def none(self) -> bool:
        return self.size is None and self.age is None


def choose(items: Sequence[Item], limits: Limits, now: float) -> list[Item]:
    """What goes. `items`: the least recently used first, and what stands on others before those."""
    free = [item for item in items if not item.kept]
    if limits.none:
        return free
    oldest = now - limits.age if limits.age is not None else 0.0
    left = sum(item.size for item in items)
    chosen = []
    for item in free:
        if item.last_used < oldest or (limits.size is not None and left > limits.size):
            chosen.append(item)
            left -= item.size
    return chosen


def take_out(chosen: Sequence[Item], root: Path, database: Database, owner: Owner) -> list[Path]:
    """Takes it out of the store, into the scratch directory of this process; what is to be removed there.

    Nobody else may have the store open.
    """
    aside = [owner.scratch()]  # from now on our death is noticed, and orphans are looked for
    with database.write_durably() as connection:
        for item in chosen:
            if item.kind == "layer":
                forget_tree(connection, item.name)
        for name in _archives_only(connection, {item.name for item in chosen if item.kind == "blob"}):
            forget_tree(connection, name)
        connection.execute(
            "DELETE FROM records WHERE last_used < ? AND state NOT IN (SELECT state FROM layers)"
            " AND key NOT IN (SELECT key FROM slots)",
            (time.time() - _FORGOTTEN_S,),
        )
        connection.execute("DELETE FROM parts WHERE key NOT IN (SELECT key FROM records)")
    for name in orphans(root, database):
        aside.append(owner.place())
        (root / "layers" / name).rename(aside[-1])
    for item in chosen:
        if item.kind == "blob":
            (root / "oci" / "blobs" / "sha256" / item.name.removeprefix("sha256:")).unlink(missing_ok=True)
        elif item.kind == "git":
            aside.append(owner.place())
            (root / "git" / item.name).rename(aside[-1])
            (root / "git" / f"{item.name}.lock").unlink(missing_ok=True)
        elif item.kind == "cache":
            aside += _cache(root / "caches" / item.name, owner)
    return aside


def _archives_only(connection: sqlite3.Connection, gone: set[str]) -> list[str]:
    """Layers made elsewhere of which only archives were here, and of those none stays."""
    rows = connection.execute("SELECT name, blobs FROM trees WHERE NOT unpacked AND sources = ?", (NOTHING,)).fetchall()
    return [name for name, blobs in rows if gone.issuperset(blob.digest for blob in blobs_of(blobs))]


def _cache(directory: Path, owner: Owner) -> list[Path]:
    """A step that outlives its bake for a moment may still hold the lock of a cache: then it stays."""
    try:
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return []
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside = owner.place()
        directory.rename(aside)
    except BlockingIOError:
        return []
    finally:
        os.close(handle)
    with suppress(OSError):
        directory.parent.rmdir()
    return [aside]


def remove_all(paths: Sequence[Path], remove: Remove = rmtree) -> tuple[Path, ...]:
    """Removes directories; those that this process may not remove are returned."""
    left = []
    for path in paths:
        try:
            remove(path)
        except OSError:
            left.append(path)
    return tuple(left)
