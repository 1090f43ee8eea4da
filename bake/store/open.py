"""Opening a store: the one place that knows its layout.

oci/                     an OCI image layout: oci-layout, index.json, blobs/sha256/<hex>
layers/<state>/          fs/ (an overlay lower) and listing (bake/plan/listing.py)
users                    a lock that all who have the store open share (users.py)
index.db                 SQLite (schema.py)
tmp/<owner>/             scratch directories of one process (owner.py)
locks/                   a lock for each owner, and `claims` (locks.py)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from bake.errors import Diagnostic
from bake.ports.blobs import Blobs
from bake.ports.layers import Layers
from bake.ports.records import Records
from bake.store.blobs import BlobDirectory
from bake.store.database import Database
from bake.store.durable import drop_unsafe, make_safe
from bake.store.files import FileTable
from bake.store.history import Results, Runs
from bake.store.layers import LayerTable
from bake.store.locks import Claims
from bake.store.owner import Owner, boot_id
from bake.store.records import RecordTable
from bake.store.sweep import Remove, sweep_orphans, sweep_owners
from bake.store.trouble import mapped
from bake.store.users import Users

if TYPE_CHECKING:
    from bake.store.candidates import Item, Keep
    from bake.store.prune import Limits
    from bake.store.usage import Usage

_DIRECTORIES = ("", "oci", "oci/blobs", "oci/blobs/sha256", "layers", "tmp", "locks")
_LAYOUT = {
    "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
    "index.json": b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
}


@dataclass
class DiskStore:
    """See ports.store.Store; any thread may use it. `results` and `runs` are for the commands."""

    root: Path
    records: Records
    layers: Layers
    blobs: Blobs
    files: FileTable
    results: Results
    runs: Runs
    database: Database
    _owner: Owner = field(repr=False)
    _claims: Claims = field(repr=False)
    _users: Users = field(repr=False)
    _boot: str = field(repr=False)
    _leftovers: tuple[Path, ...] = field(repr=False)

    def leftovers(self) -> Iterable[Path]:
        """What dead processes left and this one may not remove, as it belongs to subordinate ids: an engine can."""
        return self._leftovers

    def flush(self) -> None:
        """Makes everything durable; a process that goes on for long calls it after each run."""
        make_safe(self.database, self.root, self._boot)
        self.database.flush()

    def verify(self, deep: bool = False) -> list[Diagnostic]:
        """What is not as it should be; `deep` reads every file. Nothing is changed."""
        from bake.store.verify import find

        return [finding.diagnostic for finding in find(self.root, self.database, deep)]

    def repair(self) -> list[Diagnostic]:
        """As `verify` with `deep`, and forgets what is damaged: it is built or downloaded again when needed."""
        from bake.store.verify import find, forget

        findings = find(self.root, self.database, True)
        forget(findings, self.root, self.database)
        sweep_orphans(self.root, self.database, self._owner)
        return [finding.diagnostic for finding in findings]

    def usage(self) -> list[Usage]:
        """What takes how much of the disk."""
        from bake.store.usage import usage

        return usage(self.root, self.database)

    def choose(self, limits: Limits, keep: Keep) -> list[Item]:
        """What `prune` would remove."""
        from time import time

        from bake.store.candidates import candidates
        from bake.store.prune import choose

        return choose(candidates(self.root, self.database, keep), limits, time())

    def prune(self, limits: Limits, keep: Keep) -> tuple[list[Item], list[Path]] | None:
        """What was removed, and the directories to be deleted now; None when another process has the store open."""
        from bake.store.prune import take_out

        with self._users.alone() as alone:
            if not alone:
                return None
            chosen = self.choose(limits, keep)
            with mapped(self.root):
                return chosen, take_out(chosen, self.root, self.database, self._owner) if chosen else []

    def close(self) -> None:
        """See ports.store.Store. Waits until new layers are on the disk."""
        if self.database.closed:
            return
        try:
            self.flush()
        finally:
            self._claims.close()
            self._owner.close()
            self.database.close()
            self._users.close()


def open_store(path: Path, remove: Remove = rmtree) -> DiskStore:
    """The store in a directory, made if there is none; sweeps what dead processes left, by `remove`.

    Raises HostError when the directory can't be made or written, or belongs to a later version of bake.
    """
    root = Path(os.path.abspath(path))
    boot = boot_id()
    with mapped(root):
        _make(root)
    users = Users(root)
    try:
        database = Database(root / "index.db", root)
    except BaseException:
        users.close()
        raise
    owner, claims = Owner(root), Claims(root)
    try:
        with mapped(root):
            dropped = drop_unsafe(database, boot)
            died, leftovers = sweep_owners(root, remove)
            if died or dropped:
                sweep_orphans(root, database, owner, remove)
    except BaseException:
        owner.close()
        database.close()
        users.close()
        raise
    blobs = BlobDirectory(root, database, owner)
    layers = LayerTable(root, database, owner, blobs, boot)
    records = RecordTable(database, claims)
    return DiskStore(
        root, records, layers, blobs, FileTable(database), Results(database), Runs(database), database, owner,
        claims, users, boot, leftovers,
    )  # fmt: skip


def _make(root: Path) -> None:
    """Only this user may look inside: layers hold set-uid programs."""
    root.parent.mkdir(parents=True, exist_ok=True)
    for name in _DIRECTORIES:
        try:
            (root / name).mkdir(mode=0o700)
        except FileExistsError:
            if not (root / name).is_dir():
                raise NotADirectoryError(20, "not a directory", str(root / name)) from None
    for name, data in _LAYOUT.items():
        file = root / "oci" / name
        if not file.exists():
            part = file.with_name(f"{name}.{os.getpid()}")
            part.write_bytes(data)
            part.rename(file)
