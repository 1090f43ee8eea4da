"""The tables of the index (DESIGN §3). A new version is a new entry of `STEPS`; a store is never migrated backwards."""

from __future__ import annotations

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE records (key TEXT PRIMARY KEY, state TEXT NOT NULL, created REAL NOT NULL, duration REAL NOT NULL,
                          used REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX records_by_state ON records (state);
    CREATE TABLE parts (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE slots (slot TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE layers (state TEXT PRIMARY KEY, parent TEXT NOT NULL, tree TEXT, listing TEXT NOT NULL DEFAULT '',
                         created REAL NOT NULL, diff_id TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL DEFAULT 0,
                         blobs BLOB NOT NULL, sources BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE selections (state TEXT, selector TEXT, digest TEXT NOT NULL, PRIMARY KEY (state, selector))
                            WITHOUT ROWID;
    CREATE TABLE locations (registry TEXT, digest TEXT, repository TEXT, seen REAL NOT NULL,
                            PRIMARY KEY (registry, digest, repository)) WITHOUT ROWID;
    CREATE TABLE files (root TEXT, path TEXT, stamp BLOB NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (root, path))
                       WITHOUT ROWID;
    CREATE TABLE facts (kind TEXT, name TEXT, value BLOB NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
    CREATE TABLE results (name TEXT PRIMARY KEY, value BLOB NOT NULL, saved REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE runs (id TEXT PRIMARY KEY, started REAL NOT NULL, outcome TEXT NOT NULL, report BLOB NOT NULL);
    """,
)
