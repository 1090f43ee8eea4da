"""What could be removed from a store, when each was last wanted, and what must stay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bake.oci.digest import is_digest
from bake.store.database import Database
from bake.store.rows import blobs_of
from bake.store.usage import Kind, directories, size_below

_LAYERS = """
SELECT l.state, l.parent, l.tree, l.created, (SELECT max(r.last_used) FROM records r WHERE r.state = l.state)
FROM layers l
"""
_SIZES = "cache sizes"


@dataclass(frozen=True)
class Keep:
    """What must stay: the results of the slots for which `slot` is true, these states, and all below them.

    `blobs` by digest, `checkouts` of git sources by the names of their directories.
    """

    slot: Callable[[str], bool] = lambda _slot: True
    states: frozenset[str] = frozenset()
    blobs: frozenset[str] = frozenset()
    checkouts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """`size` in bytes, `last_used` in unix seconds; `depth`: what stands on others goes before those."""

    kind: Kind
    name: str
    size: int
    last_used: float
    kept: bool = False
    depth: int = 0


@dataclass
class _Tree:
    size: int
    unpacked: bool
    blobs: tuple[str, ...]
    last_used: float = 0.0
    kept: bool = False
    depth: int = 0
    below: set[str] = field(default_factory=set)


def candidates(root: Path, database: Database, keep: Keep) -> list[Item]:
    """Layers that are unpacked, blobs, cache mounts, checkouts of git sources, the least recently used first."""
    trees = _trees(root, database, keep)
    layers = [Item("layer", n, t.size, t.last_used, t.kept, t.depth) for n, t in trees.items() if t.unpacked]
    found = [*layers, *_blobs(root, trees, keep), *_caches(root, database), *_checkouts(root, keep)]
    return sorted(found, key=lambda item: (item.last_used, -item.depth, item.kind, item.name))


def _trees(root: Path, database: Database, keep: Keep) -> dict[str, _Tree]:
    """Trees are as recent, and as much needed, as what stands on them."""
    trees = {
        name: _Tree(size, bool(unpacked), tuple(blob.digest for blob in blobs_of(blobs)))
        for name, size, unpacked, blobs in database.all("SELECT name, size, unpacked, blobs FROM trees")
    }
    rows = {row[0]: row for row in database.all(_LAYERS)}
    kept = set(keep.states) | {
        state
        for slot, state in database.all("SELECT s.slot, r.state FROM slots s JOIN records r ON r.key = s.key")
        if keep.slot(slot)
    }
    depths: dict[str, int] = {}
    for state in rows:
        _depth(state, rows, depths)
    for state in sorted(rows, key=depths.__getitem__, reverse=True):  # from the top down
        _, parent, name, created, used = rows[state]
        tree = trees[name]
        tree.last_used = max(tree.last_used, used or 0.0, created)
        tree.kept = tree.kept or state in kept
        tree.depth = max(tree.depth, depths[state])
        if parent is not None:
            trees[rows[parent][2]].below.add(name)
    _raise(trees)
    for name, tree in trees.items():
        if tree.unpacked:
            tree.last_used = max(tree.last_used, _made(root / "layers" / name))
    _raise(trees)
    return trees


def _raise(trees: dict[str, _Tree]) -> None:
    """Until nothing changes; trees that states share may stand above and below each other, so order is no help."""
    changed = True
    while changed:
        changed = False
        for tree in trees.values():
            above = [trees[name] for name in tree.below]
            used, kept = max((t.last_used for t in above), default=0.0), any(t.kept for t in above)
            if used > tree.last_used or (kept and not tree.kept):
                tree.last_used, tree.kept, changed = max(used, tree.last_used), tree.kept or kept, True


def _depth(state: str, rows: dict[str, tuple[str, str | None, str, float, float | None]], known: dict[str, int]) -> int:
    chain = []
    at: str | None = state
    while at is not None and at not in known:
        chain.append(at)
        at = rows[at][1]
    depth = known[at] if at is not None else 0
    for each in reversed(chain):
        depth += 1
        known[each] = depth
    return known[state]


def _made(directory: Path) -> float:
    try:
        return directory.stat().st_mtime
    except OSError:
        return 0.0


def _blobs(root: Path, trees: dict[str, _Tree], keep: Keep) -> Iterator[Item]:
    users: dict[str, list[_Tree]] = {}
    for tree in trees.values():
        for digest in tree.blobs:
            users.setdefault(digest, []).append(tree)
    for row in os.scandir(root / "oci" / "blobs" / "sha256"):
        digest = f"sha256:{row.name}"
        if is_digest(digest):
            info, above = row.stat(), users.get(digest, [])
            used = max([info.st_mtime, *(tree.last_used for tree in above)])
            kept = digest in keep.blobs or any(tree.kept for tree in above)
            yield Item("blob", digest, info.st_size, used, kept)


def _caches(root: Path, database: Database) -> Iterator[Item]:
    """Cache mounts, `<key>/<number>`. Their sizes are kept, as walking through them takes long."""
    row = database.one("SELECT value FROM meta WHERE name = ?", _SIZES)
    known: dict[str, list[float]] = json.loads(row[0]) if row is not None else {}
    found: dict[str, list[float]] = {}
    for directory in sorted((root / "caches").glob("*/*")):
        name = directory.relative_to(root / "caches").as_posix()
        used = _made(directory)
        size = known[name][1] if known.get(name, [0])[0] == used else size_below(str(directory))
        found[name] = [used, size]
        yield Item("cache", name, int(size), used)
    if found != known:
        with database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_SIZES, json.dumps(found)))


def _checkouts(root: Path, keep: Keep) -> Iterator[Item]:
    for row in directories("git", root / "git"):
        yield Item("git", row.name, row.size, row.last_used, row.name in keep.checkouts)
