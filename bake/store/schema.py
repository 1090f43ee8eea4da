"""The tables of the store's index, and how an index of an older version becomes one of this version.

`user_version` counts the migrations done. What came from a file system (paths, names with a path in them) is BLOB, as
it need not be Unicode; digests, keys and states are TEXT.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bake.errors import Diagnostic, HostError

_FIRST = """
-- A directory of files: layers/<name>, or an image's layer that is not unpacked. `blobs` and `sources` are msgpack,
-- `boot` is the boot it was written under while a power loss could still take it, '' afterwards (durable.py).
CREATE TABLE trees (
    name TEXT PRIMARY KEY, listing TEXT NOT NULL, unpacked INTEGER NOT NULL, size INTEGER NOT NULL,
    diff_id TEXT NOT NULL, blobs BLOB NOT NULL, sources BLOB NOT NULL, boot TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX trees_unsafe ON trees (boot) WHERE boot <> '';

-- A state: a tree over a parent (NULL: over nothing). Several states may share a tree.
CREATE TABLE layers (
    state TEXT PRIMARY KEY, parent TEXT REFERENCES layers ON DELETE CASCADE,
    tree TEXT NOT NULL REFERENCES trees, created REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX layers_parent ON layers (parent);
CREATE INDEX layers_tree ON layers (tree);

-- No reference to layers: a record outlives its layer, which is how `evicted` is told from `never built`.
CREATE TABLE records (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, created REAL NOT NULL, duration REAL NOT NULL, last_used REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX records_state ON records (state);
CREATE TABLE parts (key TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE slots (slot TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;

-- True for ever, as a state names its content: rows of lost states do no harm.
CREATE TABLE selections (
    state TEXT NOT NULL, selector TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (state, selector)
) WITHOUT ROWID;

-- Which repository of which registry holds a blob. A higher number was seen later.
CREATE TABLE locations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, registry TEXT NOT NULL, digest TEXT NOT NULL, repository TEXT NOT NULL,
    UNIQUE (registry, digest, repository)
);

CREATE TABLE roots (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE files (
    root INTEGER NOT NULL REFERENCES roots ON DELETE CASCADE, path BLOB NOT NULL, stamp BLOB NOT NULL,
    digest TEXT NOT NULL, PRIMARY KEY (root, path)
) WITHOUT ROWID;
CREATE TABLE facts (kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, name));

CREATE TABLE images (name BLOB PRIMARY KEY, value BLOB NOT NULL, saved REAL NOT NULL);
CREATE TABLE runs (id INTEGER PRIMARY KEY, started REAL NOT NULL, outcome TEXT NOT NULL, report BLOB NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""

_ORIGIN = "ALTER TABLE records ADD COLUMN origin TEXT NOT NULL DEFAULT ''"
"""The cache that a record came from (remote/records.py)."""

_TIMES = """
-- Of a tree that is not unpacked yet: which of its paths have given times, which its archive does not tell.
CREATE TABLE times_given (
    tree TEXT PRIMARY KEY REFERENCES trees ON DELETE CASCADE, paths BLOB NOT NULL
) WITHOUT ROWID
"""
"""See plan/listing.py."""

MIGRATIONS: tuple[str, ...] = (_FIRST, _ORIGIN, _TIMES)
"""Number n leads from version n to n + 1. Never change one that was released; add another. No `;` within a comment."""

VERSION = len(MIGRATIONS)
_OURS = int.from_bytes(b"bake")
"""`application_id` of the index: tells it from any other database."""


def migrate(connection: sqlite3.Connection, root: Path) -> None:
    """Brings the index to this version. Raises HostError for one of a later version, and for another's database."""
    if _version(connection, root) == VERSION:
        return
    _use_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection, root), VERSION):
            for statement in MIGRATIONS[number].split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {_OURS}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, root: Path) -> int:
    version = _pragma(connection, "user_version")
    if version > VERSION:
        message = f"the store {root} was made by a later version of bake (its index: {version}, ours: {VERSION})"
        raise HostError(Diagnostic("newer-store", message, hint="update bake, or set BAKE_STORE to another directory"))
    if version and _pragma(connection, "application_id") != _OURS:
        hint = f"move it away: mv {root} {root}.other, or set BAKE_STORE to another directory"
        raise HostError(Diagnostic("foreign-store", f"{root}/index.db is not an index of bake", hint=hint))
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Changing the journal mode does not wait for a process that does the same at this moment, so wait here."""
    deadline = time.monotonic() + 10
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
