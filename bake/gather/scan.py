"""Directories of this host → trees, less what is ignored; only files that a step reads are hashed, and only once.

A file's digest is trusted from the last scan while size, times, inode and device are the same, and only if it was read
later than those times by more than the clock's granularity (the rule that git calls racy; reference/engine.md §3). What
was changed at this very moment is therefore read last, after a wait, so that nothing is read twice.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from bake.dockerfile.ignore import Matcher
from bake.errors import Diagnostic, InputError
from bake.gather.text import text_of
from bake.plan.select import SourceMissing, select
from bake.plan.step import CopyAction, LocalOp
from bake.plan.tree import Entry, Kind, Stamp, Tree, ordered
from bake.ports.files import Files

_RACY_NS = 50_000_000
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b", stat.S_IFIFO: "p",
}  # fmt: skip


def scan(op: LocalOp, actions: Iterable[CopyAction], files: Files) -> Tree:
    """The tree of a context, with digests for the files that `actions` take. Raises InputError for a missing root."""
    tree = names(op)
    return _with_digests(op.root, tree, _wanted(tree, actions), files)


def names(op: LocalOp) -> Tree:
    """The tree of a context without any digest. Raises InputError for a missing root."""
    if not Path(op.root).is_dir():
        message = f"the context {op.root} is not a directory"
        raise InputError(Diagnostic("no-context", message, hint="check `context` and `contexts`"))
    return ordered(_walk(op.root, Matcher(op.ignore) if op.ignore else None))


def _walk(root: str, matcher: Matcher | None) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    pending: dict[str, Entry] = {}
    todo = [""]
    while todo:
        directory = todo.pop()
        try:
            rows = [(row.name, _entry(row)) for row in os.scandir(f"{root}/{directory}" if directory else root)]
        except PermissionError as error:
            raise InputError(Diagnostic("unreadable-context", f"cannot read {error.filename}", hint=_IGNORE)) from None
        for name, entry in rows:
            path = f"{directory}/{name}" if directory else name
            if entry is None:
                continue
            ignored = matcher is not None and matcher.ignored(path)
            if not ignored:
                _take(found, pending, path, entry)
            if entry.kind == "d" and (not ignored or (matcher is not None and matcher.may_descend(path))):
                if ignored:
                    pending[path] = entry
                todo.append(path)
    return found


_IGNORE = "make it readable or list it in .dockerignore"


def _take(found: dict[str, Entry], pending: dict[str, Entry], path: str, entry: Entry) -> None:
    """Adds a path; ignored directories above a re-included one come along."""
    found[path] = entry
    parent = path.rpartition("/")[0]
    while parent and parent not in found:
        found[parent] = pending[parent]
        parent = parent.rpartition("/")[0]


def _entry(row: os.DirEntry[str]) -> Entry | None:
    info = row.stat(follow_symlinks=False)
    kind = _KINDS.get(stat.S_IFMT(info.st_mode))
    if kind is None:
        return None
    return Entry(
        kind,
        0o777 if kind == "l" else stat.S_IMODE(info.st_mode),
        size=info.st_size if kind == "f" else 0,
        link=os.readlink(row.path) if kind == "l" else "",
        device=info.st_rdev if kind in "cb" else 0,
        mtime=info.st_mtime_ns,
        stamp=Stamp(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_dev),
    )


def _wanted(tree: Tree, actions: Iterable[CopyAction]) -> list[str]:
    wanted: dict[str, None] = {}
    for action in actions:
        try:
            roots = select(tree, action)
        except (SourceMissing, ValueError):
            continue  # reported with its place when the step is decided
        wanted |= {item.path: None for root in roots for item in root.items if item.entry.kind == "f"}
    return list(wanted)


def _with_digests(root: str, tree: Tree, wanted: list[str], files: Files) -> Tree:
    if not wanted:
        return tree
    known = files.digests(root)
    complete = dict(tree)
    unknown: list[str] = []
    for path in wanted:
        row = known.get(path)
        if row is not None and tuple(row[0]) == _stamp(tree[path]):
            complete[path] = msgspec.structs.replace(tree[path], digest=row[1])
        else:
            unknown.append(path)
    fresh: dict[str, tuple[tuple[int, ...], str]] = {}
    for path in sorted(unknown, key=lambda path: _changed(tree[path])):
        settled = _settle(tree[path])
        digest = _hash(f"{root}/{path}")
        complete[path] = msgspec.structs.replace(tree[path], digest=digest)
        if settled:
            fresh[path] = (_stamp(tree[path]), digest)
    if fresh:
        files.remember_digests(root, fresh)
    return complete


def _stamp(entry: Entry) -> tuple[int, ...]:
    assert entry.stamp is not None
    return msgspec.structs.astuple(entry.stamp)


def _changed(entry: Entry) -> int:
    """When a file's content may have changed last: its ctime, which no program can set, but on Windows."""
    assert entry.stamp is not None
    return max(entry.stamp.mtime, entry.stamp.ctime) if sys.platform == "win32" else entry.stamp.ctime


def _settle(entry: Entry) -> bool:
    """Waits until a change of the file would show in its times; False when the clock says that this is far off."""
    left = _changed(entry) + _RACY_NS - time.time_ns()
    if left > _RACY_NS:
        return False
    if left >= 0:
        time.sleep((left + 1) / 1e9)
    return True


def _hash(path: str) -> str:
    found = sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise InputError(Diagnostic("unreadable-context", message, hint=_IGNORE)) from None
    return found.hexdigest()


def read_texts(paths: Iterable[str]) -> Mapping[str, str | None]:
    """Absolute path → content, None where there is no such file. Raises InputError for what is no UTF-8 text.

    With a `/` at its end, a path asks for the names in a directory (`Facts.texts`).
    """
    return {path: _listed(path) if path.endswith("/") else _read(path) for path in paths}


def _listed(path: str) -> str | None:
    try:
        rows = sorted((row.name, row.is_dir()) for row in os.scandir(path))
    except OSError:
        return "" if Path(path).is_dir() else None  # what may not be read is there all the same
    return "\n".join(f"{name}/" if is_directory else name for name, is_directory in rows)


def _read(path: str) -> str | None:
    try:
        return text_of(Path(path).read_bytes(), lambda: os.path.relpath(path))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise InputError(Diagnostic("unreadable-file", f"cannot read {path}: {error.strerror}")) from None
