"""USER of a Dockerfile → ids, from the root's own /etc/passwd and /etc/group (reference/dockerfile.md §7.3)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bake.ports import StartFailed

_MOST_LINKS = 40
_LONGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class Ids:
    """`groups` are the supplementary ones, the primary among them; `home` is "" where passwd knows none."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    home: str = ""


def ids_of(user: str, passwd: str, group: str) -> Ids:
    """`user` as in USER: `name`, `uid`, with `:group` or `:gid`. Raises StartFailed for an unknown name."""
    name, colon, group_name = (user or "0").partition(":")
    rows = list(_rows(passwd, 7))
    if _is_number(name) and colon and _is_number(group_name):
        uid, gid = _number(name), _number(group_name)
        return Ids(uid, gid, (gid,), _home(rows, uid))
    found = next((row for row in rows if name in (row[0], row[2]) or (name == "root" and row[2] == "0")), None)
    if found is None and not _is_number(name):
        raise StartFailed(f"unable to find user {name}: no matching entries in passwd file")
    uid = int(found[2]) if found else _number(name)
    if colon and group_name:
        gid = _gid(group_name, group)
        return Ids(uid, gid, (gid,), _home(rows, uid))
    gid = int(found[3]) if found else 0
    member_of = [int(row[2]) for row in _rows(group, 4) if found and found[0] in row[3].split(",")]
    groups = tuple(dict.fromkeys((gid, *member_of))) if found else ()
    return Ids(uid, gid, groups, _home(rows, uid))


def _gid(name: str, group: str) -> int:
    rows = [row for row in _rows(group, 4) if name in (row[0], row[2])]
    if rows:
        return int(rows[0][2])
    if _is_number(name):
        return _number(name)
    raise StartFailed(f"unable to find group {name}: no matching entries in group file")


def _rows(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.strip().split(":")
        if len(row) >= min(fields, 4) and row[0] and row[2].isdecimal() and (fields != 7 or row[3].isdecimal()):
            yield row


def _home(rows: list[list[str]], uid: int) -> str:
    return next((row[5] for row in rows if row[2] == str(uid) and len(row) > 5), "")


def _is_number(text: str) -> bool:
    return text == "root" or (text.isascii() and text.isdecimal())


def _number(text: str) -> int:
    return 0 if text == "root" else int(text)


def read_in(root: str, path: str) -> str:
    """A text file of the root, links followed but never out of it; "" where there is none."""
    try:
        inside = _resolve(root, path)
        with open(inside, "rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return ""


def _resolve(root: str, path: str) -> str:
    todo = list(reversed(PurePosixPath(path).parts[1:]))
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            done = done[:-1]
            continue
        here = os.path.join(root, *done, part)
        if not os.path.islink(here):
            done.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError("too many links")
        target = os.readlink(here)
        if target.startswith("/"):
            done = []
        todo += [p for p in reversed(PurePosixPath(target).parts) if p != "/"]
    return os.path.join(root, *done)
