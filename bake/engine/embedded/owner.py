"""Who `--chown=USER[:GROUP]` means: names are looked up in the destination's passwd and group (dockerfile.md §8.1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from bake.engine.embedded.draft import Draft

Read = Callable[[str], str]
"""The text of a file of the destination, "" where it is missing."""

_MOST_BYTES = 16 << 20


def ids_of(owner: str, read: Read) -> tuple[int, int] | None:
    """uid and gid of `owner`; None for "". An unknown name is 0, as in BuildKit."""
    if not owner:
        return None
    user, colon, group = owner.partition(":")
    uid, gid = (int(user), int(user)) if _is_number(user) else _user(user, read("etc/passwd"))
    if not colon:
        return uid, gid
    if not group:
        return uid, 0  # not the user's own, as that of `bob` is
    if _is_number(group):
        return uid, int(group)
    return uid, _group(group, read("etc/group"), gid)


def _is_number(text: str) -> bool:
    """Whether BuildKit takes it for one: what has more than 31 bits is the name of nobody."""
    return text.isdecimal() and int(text) < 1 << 31


def reader(draft: Draft) -> Read:
    """Reads files of what a draft makes."""

    def read(path: str) -> str:
        real = draft.resolve(path)
        entry = draft.lookup(real)
        if entry is None or entry.kind != "f":
            return ""
        handle = draft.open(real)
        with os.fdopen(handle, "rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")

    return read


def _user(name: str, passwd: str) -> tuple[int, int]:
    for fields in _lines(passwd, name):
        if len(fields) >= 4 and fields[2].isdecimal() and fields[3].isdecimal():
            return int(fields[2]), int(fields[3])
    return 0, 0


def _group(name: str, groups: str, otherwise: int) -> int:
    for fields in _lines(groups, name):
        if len(fields) >= 3 and fields[2].isdecimal():
            return int(fields[2])
    return otherwise


def _lines(text: str, name: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        fields = line.strip().split(":")
        if name and fields[0] == name:
            yield fields
