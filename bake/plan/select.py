"""Which entries of a source tree a COPY takes. One algorithm for the cache key and for the copying itself.

Rules: reference/dockerfile.md §8.2 (paths, links, wildcards), §8.4 (`--exclude`), §8.5 (`--parents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import normpath

import msgspec

from bake.dockerfile.ignore import Matcher
from bake.plan.glob import has_wildcard, matches
from bake.plan.links import TooManyLinks, follow
from bake.plan.step import CopyAction
from bake.plan.tree import Entry, Tree, digest_of


class SourceMissing(Exception):
    """A named source is not in the tree. `path` starts with a slash."""

    def __init__(self, path: str, tree: Tree) -> None:
        super().__init__(f'"{path}": not found')
        self.path = path
        self.tree = tree


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One entry to copy: from `path` in the source tree to `to` below its root's destination ("" = the root itself)."""

    path: str
    to: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Root:
    """One source after wildcards: a file (one item) or a directory, whose contents are copied.

    `name` is the last component as matched, for `dest/`; `entry` is the source's own entry, links followed.
    """

    name: str
    path: str
    entry: Entry
    items: tuple[Item, ...]

    @property
    def is_dir(self) -> bool:
        return self.entry.kind == "d"


_ROOT = Entry("d", 0o755)


def select(tree: Tree, action: CopyAction) -> tuple[Root, ...]:
    """The roots that `action` copies, in the order of copying.

    Raises SourceMissing for a source without wildcards that is not there, ValueError for a malformed pattern.
    """
    if action.parents:
        return _with_parents(tree, action)
    source = action.source.strip("/")
    paths = _expand(tree, source) if has_wildcard(source) else [source]
    exclude = Matcher(action.exclude) if action.exclude else None
    return tuple(_root(tree, path, exclude) for path in paths)


def check_patterns(action: CopyAction) -> None:
    """Raises ValueError for a malformed wildcard or `--exclude`, whatever the tree will hold."""
    source, pattern = split_parents(action.source) if action.parents else (action.source, "")
    for part in source.split("/"):
        if has_wildcard(part):
            matches(part, "")
    Matcher((*action.exclude, *((pattern,) if pattern else ())))


def digest_roots(roots: Iterable[Root], named: bool) -> str:
    """The content of a selection; the names of the roots count only when wildcards chose them (`named`)."""
    return digest_of((f"{root.name if named else ''}\0{item.to}", item.entry) for root in roots for item in root.items)


def resolve(tree: Tree, path: str) -> str:
    """`path` with every symbolic link followed inside the tree, the last component's too. Raises SourceMissing."""

    def link(here: str) -> str | None:
        entry = tree.get(here)
        if entry is None:
            raise SourceMissing("/" + path.strip("/"), tree)
        return entry.link if entry.kind == "l" else None

    try:
        return follow(link, path)
    except TooManyLinks:
        raise SourceMissing("/" + path.strip("/"), tree) from None


def _entry(tree: Tree, path: str) -> Entry:
    return tree.get(path, _ROOT) if not path else tree[path]


def _root(tree: Tree, path: str, exclude: Matcher | None) -> Root:
    real = resolve(tree, path)
    entry = _entry(tree, real)
    name = path.rpartition("/")[2]
    if entry.kind != "d":
        return Root(name, real, entry, (Item(real, "", entry),))
    return Root(name, real, entry, tuple(_below(tree, real, exclude)))


def _below(tree: Tree, directory: str, exclude: Matcher | None) -> Iterator[Item]:
    prefix = directory + "/" if directory else ""
    for path, entry in tree.items():
        if path.startswith(prefix) and len(path) > len(prefix):
            to = path[len(prefix) :]
            if exclude is None or not exclude.ignored(to):
                yield Item(path, to, entry)


def _expand(tree: Tree, pattern: str) -> list[str]:
    """Paths that fit, component by component, in lexical order; links below the fixed prefix are not walked through."""
    parts = normpath(pattern).split("/")
    first = next(at for at, part in enumerate(parts) if has_wildcard(part))
    try:
        prefix = resolve(tree, "/".join(parts[:first])) if first else ""
    except SourceMissing:
        return []
    wanted = parts[first:]
    found: list[str] = []
    for path in tree:
        if prefix and not path.startswith(prefix + "/"):
            continue
        names = path[len(prefix) + 1 if prefix else 0 :].split("/")
        if path and len(names) == len(wanted) and all(map(matches, wanted, names)):
            found.append(path)
    return found


def _with_parents(tree: Tree, action: CopyAction) -> tuple[Root, ...]:
    base, pattern = split_parents(action.source)
    bases = _expand(tree, base) if has_wildcard(base) else [resolve(tree, base)]
    exclude = Matcher(action.exclude) if action.exclude else None
    if not has_wildcard(pattern):
        for directory in bases:
            resolve(tree, f"{directory}/{pattern}")
    return tuple(
        Root("", directory, _entry(tree, directory), _kept(tree, directory, pattern, exclude)) for directory in bases
    )


def split_parents(source: str) -> tuple[str, str]:
    """(base directory, pattern) of a `--parents` source: cut at the first `/./`."""
    base, dot, rest = source.partition("/./")
    if not dot:
        base, rest = "", source
    return base.strip("/"), normpath("/" + rest).strip("/")


def _kept(tree: Tree, base: str, pattern: str, exclude: Matcher | None) -> tuple[Item, ...]:
    include = Matcher((pattern,)) if pattern else None
    items = list(_below(tree, base, exclude))
    kept = {item.to for item in items if include is None or include.ignored(item.to)}
    wanted = kept | {parent for to in kept for parent in _parents(to)}
    return tuple(item for item in items if item.to in wanted)


def _parents(path: str) -> Sequence[str]:
    parts = path.split("/")
    return ["/".join(parts[:at]) for at in range(1, len(parts))]
