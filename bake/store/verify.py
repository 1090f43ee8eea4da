"""Whether rows, directories and blobs fit together, and what to forget where they do not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Literal

from bake.errors import Diagnostic, HostError
from bake.oci.digest import hex_of, is_digest
from bake.plan.listing import listing_digest
from bake.plan.tree import SCRATCH, Entry, Listing, StateId, state_of_digest
from bake.store.database import Database, Row
from bake.store.durable import forget_tree
from bake.store.rows import NOTHING, blobs_of
from bake.store.sweep import orphans
from bake.store.trees import read_listing

_REPAIR = "bake cache verify --repair forgets it; it is made again when needed"


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` of a tree or a blob's file name; "" for the index as a whole."""

    diagnostic: Diagnostic
    kind: Literal["index", "tree", "orphan", "blob"]
    name: str = ""


def find(root: Path, database: Database, deep: bool) -> list[Finding]:
    """Everything that does not fit; `deep` also reads files and blobs against their digests."""
    found = list(_index(root, database))
    rows = database.all("SELECT name, listing, blobs, sources FROM trees WHERE unpacked ORDER BY name")
    for row in rows:
        found += _tree(root, database, row, deep)
    found += _lost(root, database)
    found += _orphans(root, database)
    found += _blobs(root, deep)
    return found


def forget(findings: list[Finding], root: Path, database: Database) -> None:
    """Takes damaged trees out of the index, and damaged blobs off the disk."""
    with database.write_durably() as connection:
        for finding in findings:
            if finding.kind == "tree":
                forget_tree(connection, finding.name)
    for finding in findings:
        if finding.kind == "blob":
            with suppress(OSError):
                (root / "oci" / "blobs" / "sha256" / finding.name).unlink()


def _index(root: Path, database: Database) -> Iterator[Finding]:
    for (text,) in database.all("PRAGMA quick_check"):
        if text != "ok":
            hint = f"move the store away: mv {root} {root}.damaged"
            yield Finding(Diagnostic("damaged-index", f"the index is damaged: {text}", hint=hint), "index")
    for table, *_ in database.all("PRAGMA foreign_key_check"):
        yield Finding(Diagnostic("damaged-index", f"a row of '{table}' points at nothing"), "index")


def _tree(root: Path, database: Database, row: Row, deep: bool) -> Iterator[Finding]:
    name, digest = row[0], row[1]
    directory = root / "layers" / name
    if not directory.is_dir():
        yield _damaged(name, "its directory is missing", "missing-layer")
        return
    try:
        listing = read_listing(directory, root)
    except HostError:
        yield _damaged(name, "its listing is missing or cannot be read")
        return
    states = database.all("SELECT state, parent FROM layers WHERE tree = ?", (name,))
    if digest and (digest != listing_digest(listing) or not _fits(states, digest)):
        yield _damaged(name, "its listing is not the one it was made with")
    elif not (directory / "fs").is_dir():
        yield _damaged(name, "its files are missing")
    elif deep:
        wrong = next(_wrong_files(directory / "fs", listing), None)
        if wrong is not None:
            yield _damaged(name, f"{wrong} is not as its listing tells")


def _fits(states: list[Row], digest: str) -> bool:
    return all(state == state_of_digest(StateId(parent or SCRATCH), digest) for state, parent in states)


def _wrong_files(fs: Path, listing: Listing) -> Iterator[str]:
    for path, entry in listing.items():
        if entry.kind in "fd" and not _as_listed(os.path.join(fs, path), entry):
            yield path or "the root"


def _as_listed(path: str, entry: Entry) -> bool:
    """What this process may not read (files of subordinate ids) it can't judge."""
    try:
        info = os.lstat(path)
        if entry.kind == "d":
            return stat.S_ISDIR(info.st_mode)
        if not stat.S_ISREG(info.st_mode) or info.st_size != entry.size:
            return False
        with open(path, "rb", buffering=0) as file:
            return not entry.digest or file_digest(file, "sha256").hexdigest() == entry.digest
    except PermissionError:
        return True
    except OSError:
        return False


def _lost(root: Path, database: Database) -> Iterator[Finding]:
    """Layers that nothing is left of: neither files, nor an archive, nor a registry that has one."""
    rows = database.all("SELECT name, blobs FROM trees WHERE NOT unpacked AND sources = ? AND listing = ''", (NOTHING,))
    for name, blobs in rows:
        if not any((root / "oci" / "blobs" / "sha256" / hex_of(blob.digest)).exists() for blob in blobs_of(blobs)):
            yield _damaged(name, "it is neither unpacked nor archived nor known to any registry", "missing-layer")


def _orphans(root: Path, database: Database) -> list[Finding]:
    """Looked for under the index's write lock, as layers are moved in under it."""
    with database.write():
        names = orphans(root, database)
    message = "the directory layers/{} belongs to no layer"
    hint = "left by a process that died; bake cache verify --repair removes it"
    return [
        Finding(Diagnostic("orphan-layer", message.format(name), hint=hint, severity="warning"), "orphan", name)
        for name in names
    ]


def _blobs(root: Path, deep: bool) -> Iterator[Finding]:
    directory = root / "oci" / "blobs" / "sha256"
    for name in sorted(os.listdir(directory)):
        if not is_digest(f"sha256:{name}"):
            yield Finding(Diagnostic("damaged-blob", f"{directory / name} is no blob", hint=_REPAIR), "blob", name)
        elif deep and _digest(directory / name) not in (name, None):
            message = f"the blob sha256:{name} has another content"
            yield Finding(Diagnostic("damaged-blob", message, hint=_REPAIR), "blob", name)


def _digest(file: Path) -> str | None:
    """sha256 hex; None if the blob is gone meanwhile."""
    try:
        with open(file, "rb", buffering=0) as opened:
            return file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _damaged(name: str, what: str, code: str = "damaged-layer") -> Finding:
    return Finding(Diagnostic(code, f"the layer {name[:12]} is damaged: {what}", hint=_REPAIR), "tree", name)
