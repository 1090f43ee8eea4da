"""Layers and power loss.

A layer may have 20,000 files; an fsync each costs seconds (0.17 ms a file even on a fast virtual disk, 10 times the
writing), and a syncfs a commit makes every step wait for all that anyone wrote to that disk. The death of a process
loses nothing that was written, so neither is needed for that; only a power loss is different. So a tree's row notes the
boot under which it was written. When a store is closed, one syncfs makes all new trees safe and their notes are taken
off. A store that finds notes of another boot when it is opened drops these trees: the machine may have died before
their files were on the disk. So a power loss, or a kill and a restart of the machine with no `bake` in between, costs
the layers of that run (they are `evicted`), never a wrong layer. Blobs are synced one by one (blobs.py).
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from pathlib import Path

from bake.store.database import Database
from bake.store.rows import NOTHING
from bake.store.trouble import mapped


def drop_unsafe(database: Database, boot: str) -> bool:
    """Forgets trees that a power loss may have damaged; whether there were any. Their directories become orphans."""
    if database.one("SELECT 1 FROM trees WHERE boot <> '' AND boot <> ? LIMIT 1", boot) is None:
        return False
    with database.write_durably() as connection:
        rows = connection.execute("SELECT name FROM trees WHERE boot <> '' AND boot <> ?", (boot,)).fetchall()
        for (name,) in rows:
            forget_tree(connection, name)
    return True


def forget_tree(connection: sqlite3.Connection, name: str) -> None:
    """Its directory is of no use any more, and becomes an orphan.

    A tree that came from a registry can be unpacked again; any other takes the states on it along, and all above them.
    """
    found = connection.execute("SELECT sources FROM trees WHERE name = ?", (name,)).fetchone()
    if found is not None and found[0] != NOTHING:
        connection.execute("UPDATE trees SET unpacked = 0, boot = '' WHERE name = ?", (name,))
    else:
        connection.execute("DELETE FROM layers WHERE tree = ?", (name,))
        connection.execute("DELETE FROM trees WHERE name NOT IN (SELECT tree FROM layers)")


def make_safe(database: Database, root: Path, boot: str) -> None:
    """Gets every tree of this boot to the disk. Takes as long as the disk needs for all that is not written yet."""
    rows = database.all("SELECT name FROM trees WHERE boot = ? AND boot <> ''", (boot,))
    if not rows:
        return
    with mapped(root):
        _sync_file_system(root)
    with database.write_durably() as connection:
        connection.executemany("UPDATE trees SET boot = '' WHERE name = ?", rows)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_file_system(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
        elif syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(handle)
