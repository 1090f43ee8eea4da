"""Which user and group ids exist in this process's user namespace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_ALL = (0, 0, 4294967295)

Ranges = tuple[tuple[int, int], ...]
"""(first id inside, how many)."""


@dataclass(frozen=True, slots=True)
class IdMap:
    """`rootless`: a user namespace with less than all ids; `setgroups`: whether supplementary groups may be set."""

    uids: Ranges
    gids: Ranges
    setgroups: bool
    rootless: bool

    @property
    def single(self) -> bool:
        """Whether there is one user only: the tier "one id" of engine.md §1."""
        return sum(count for _, count in self.uids) == 1

    def has_uid(self, uid: int) -> bool:
        return _within(self.uids, uid)

    def has_gid(self, gid: int) -> bool:
        return _within(self.gids, gid)


def parse(uid_map: str, gid_map: str, setgroups: str) -> IdMap:
    """From the texts of /proc/self/uid_map, gid_map and setgroups."""
    uids, gids = _rows(uid_map), _rows(gid_map)
    return IdMap(
        uids=tuple((inside, count) for inside, _, count in uids),
        gids=tuple((inside, count) for inside, _, count in gids),
        setgroups=setgroups.strip() != "deny",
        rootless=uids != (_ALL,),
    )


def current() -> IdMap:
    """This process's own."""
    own = Path("/proc/self")
    return parse(*((own / name).read_text() for name in ("uid_map", "gid_map", "setgroups")))


def _rows(text: str) -> tuple[tuple[int, int, int], ...]:
    rows = (line.split() for line in text.splitlines())
    return tuple((int(row[0]), int(row[1]), int(row[2])) for row in rows if len(row) == 3)


def _within(ranges: Ranges, id: int) -> bool:
    return any(first <= id < first + count for first, count in ranges)
