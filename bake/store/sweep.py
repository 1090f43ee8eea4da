"""Removes what died with its process: scratch directories of dead owners, and directories that no row points at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from bake.store.database import Database
from bake.store.locks import CLAIMS
from bake.store.owner import Owner, claim_dead

Remove = Callable[[Path], None]
"""Removes a directory and all in it, or raises OSError: files of subordinate ids are not this process's to remove."""


def sweep_owners(root: Path, remove: Remove = rmtree) -> tuple[bool, tuple[Path, ...]]:
    """Whether an owner died, and which of its scratch directories are still there because `remove` could not.

    Any number of processes may sweep at once, and live owners are never touched.
    """
    names = {*os.listdir(root / "tmp"), *os.listdir(root / "locks")} - {CLAIMS}
    died, left = False, []
    for name in sorted(names):
        lock = root / "locks" / name
        handle = claim_dead(lock)
        if handle is None:
            continue
        died = True
        try:
            left += _remove_all(root / "tmp" / name, remove)
            lock.unlink(missing_ok=True)
        finally:
            os.close(handle)
    return died, tuple(left)


def sweep_orphans(root: Path, database: Database, owner: Owner, remove: Remove = rmtree) -> None:
    """Removes layer directories without a row: their process died between moving them there and the row.

    Takes the index's write lock, under which layers are moved in, so nobody is in between now.
    """
    aside: list[Path] = []
    with database.write():
        for name in orphans(root, database):
            aside.append(owner.place())
            (root / "layers" / name).rename(aside[-1])
    for path in aside:
        _remove(path, remove)


def orphans(root: Path, database: Database) -> list[str]:
    """Names in `layers/` that no row points at."""
    known = {name for (name,) in database.all("SELECT name FROM trees WHERE unpacked")}
    return sorted(set(os.listdir(root / "layers")) - known)


def _remove_all(directory: Path, remove: Remove) -> list[Path]:
    """Removes what is in a dead owner's directory, then the directory; returns what stayed."""
    if not directory.is_dir():
        return []
    left = [path for path in directory.iterdir() if not _remove(path, remove)]
    if not left:
        _remove(directory, rmtree)
    return left


def _remove(path: Path, remove: Remove) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True
