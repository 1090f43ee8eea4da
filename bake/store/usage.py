"""What takes how much of the disk; for `bake cache du`, and for `prune` to choose from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bake.oci.digest import is_digest
from bake.store.database import Database
from bake.store.trouble import mapped

Kind = Literal["layer", "blob", "cache", "git", "tmp", "index"]

_LAYERS = """
SELECT t.name, t.size, max(coalesce(r.last_used, l.created)) FROM trees t
JOIN layers l ON l.tree = t.name LEFT JOIN records r ON r.state = l.state WHERE t.unpacked GROUP BY t.name
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """`size` in bytes; `last_used` in unix seconds, 0 where nothing tells it. A layer that states share is one row."""

    kind: Kind
    name: str
    size: int
    last_used: float = 0.0


def usage(root: Path, database: Database) -> list[Usage]:
    """All rows: layers, blobs, cache mounts, git checkouts, scratch directories by owner, the index."""
    found = [Usage("layer", name, size, used) for name, size, used in database.all(_LAYERS)]
    with mapped(root):
        for row in os.scandir(root / "oci" / "blobs" / "sha256"):
            if is_digest(f"sha256:{row.name}"):
                info = row.stat()
                found.append(Usage("blob", f"sha256:{row.name}", info.st_size, info.st_mtime))
        found += directories("cache", root / "caches")
        found += directories("git", root / "git")
        found += directories("tmp", root / "tmp")
        sizes = [file.stat().st_size for file in root.glob("index.db*")]
    return [*found, Usage("index", "index.db", sum(sizes))]


def directories(kind: Kind, parent: Path) -> list[Usage]:
    """A row a directory in `parent`."""
    if not parent.is_dir():
        return []
    return [
        Usage(kind, row.name, size_below(row.path), row.stat().st_mtime)
        for row in os.scandir(parent)
        if row.is_dir(follow_symlinks=False)
    ]


def size_below(directory: str) -> int:
    """Bytes of the regular files below, as far as this process may look."""
    total, todo = 0, [directory]
    while todo:
        try:
            for row in os.scandir(todo.pop()):
                if row.is_dir(follow_symlinks=False):
                    todo.append(row.path)
                elif row.is_file(follow_symlinks=False):
                    total += row.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total
