"""Who a step runs as: USER looked up in the image's own passwd and group files (dockerfile.md §7.3; pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = re.compile(r"[+-]?[0-9]+")
_MOST = 2**31 - 1


class UnknownUser(Exception):
    """No such user or group in the image; the text is BuildKit's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`groups`: the supplementary ones, the primary first. `home`: of the uid's first line in passwd, else `/`."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int
    home: str


def identify(user: str, passwd: str, group: str) -> Identity:
    """Who `user` (`NAME|UID[:GROUP|GID]`, "" = 0) is, given the texts of the two files ("" where one is missing).

    Raises UnknownUser.
    """
    users = list(_users(passwd))
    who, _, wanted_group = (user or "0").partition(":")
    exact = _exact(who, wanted_group)
    if exact is not None:
        uid, gid = exact
        return Identity(uid, gid, (gid,), _home(users, uid))
    uid, gid, name = _user(who or "0", users)
    groups: tuple[int, ...] = ()
    if wanted_group:
        gid = _group(wanted_group, group)
    elif name:
        groups = tuple(id for _, id, members in _groups(group) if name in members)
    return Identity(uid, gid, tuple(dict.fromkeys((gid, *groups))), _home(users, uid))


def _exact(user: str, group: str) -> tuple[int, int] | None:
    """Both parts numbers (or `root`): no file is read."""
    parts = [0 if part == "root" else _digits(part) for part in (user, group)]
    uid, gid = parts
    return None if uid is None or gid is None else (uid, gid)


def _user(who: str, users: list[_User]) -> tuple[int, int, str]:
    """uid, gid and the name of the line that was found, "" without one. A number always means a uid."""
    number = _number(who)
    for user in users:
        if user.uid == number if number is not None else user.name == who:
            return user.uid, user.gid, user.name
    if number is None:
        raise UnknownUser(f"unable to find user {who}: no matching entries in passwd file")
    return _checked(number), 0, ""


def _group(wanted: str, text: str) -> int:
    number = _number(wanted)
    for name, gid, _ in _groups(text):
        if gid == number if number is not None else name == wanted:
            return gid
    if number is None:
        raise UnknownUser(f"unable to find group {wanted}: no matching entries in group file")
    return _checked(number)


def _home(users: list[_User], uid: int) -> str:
    return next((user.home for user in users if user.uid == uid), "") or "/"


def _users(text: str) -> Iterator[_User]:
    for fields in _lines(text, 7):
        uid, gid = _number(fields[2] or "0"), _number(fields[3] or "0")
        if uid is not None and gid is not None:
            yield _User(fields[0], uid, gid, fields[5])


def _groups(text: str) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for fields in _lines(text, 4):
        gid = _number(fields[2] or "0")
        if gid is not None:
            yield fields[0], gid, tuple(fields[3].split(","))


def _lines(text: str, width: int) -> Iterator[list[str]]:
    """The fields of each line, as many as there should be; a line that cannot be read counts as missing."""
    for line in text.split("\n"):
        if line.strip():
            fields = line.strip().split(":")
            yield fields + [""] * (width - len(fields))


def _digits(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**32 else None


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _checked(number: int) -> int:
    if not 0 <= number <= _MOST:
        raise UnknownUser(f"uids and gids must be in range 0-{_MOST}")
    return number
