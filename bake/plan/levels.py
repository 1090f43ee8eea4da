"""Targets in dependency levels: what one level builds on was built by the levels before it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bake.plan.dependencies import Links


@dataclass(frozen=True, slots=True)
class Job:
    """What one machine builds. `name` is unique; `level` counts from 0; `targets` in the order of the spec."""

    name: str
    level: int
    targets: tuple[str, ...]


def levels(links: Links, wanted: Iterable[str]) -> dict[str, int]:
    """Level of each wanted target; what stands between two of them and is not wanted itself makes no level."""
    from graphlib import TopologicalSorter

    included, used = set(wanted), links.used_by()
    after: dict[str, int] = {}  # the first level in which what uses the target may be built
    found: dict[str, int] = {}
    for name in TopologicalSorter({n: [link.used for link in row] for n, row in used.items()}).static_order():
        level = max((after[link.used] for link in used[name]), default=0)
        after[name] = level + (name in included)
        if name in included:
            found[name] = level
    return {name: found[name] for name in links.targets if name in found}


def by_target(found: Mapping[str, int]) -> tuple[Job, ...]:
    """A job a target, by level."""
    return _sorted(Job(name, level, (name,)) for name, level in found.items())


def by_level(found: Mapping[str, int]) -> tuple[Job, ...]:
    """A job a level."""
    rows = {level: tuple(n for n, at in found.items() if at == level) for level in sorted(set(found.values()))}
    return tuple(Job(f"level-{level}", level, names) for level, names in rows.items())


def by_group(found: Mapping[str, int], groups: Mapping[str, Iterable[str]]) -> tuple[Job, ...]:
    """A job for what each level has of a group; a target belongs to the first group that has it, else to none (`-`)."""
    group_of: dict[str, str] = {}
    for group, members in groups.items():
        for name in members:
            group_of.setdefault(name, group)
    rows: dict[tuple[int, str], list[str]] = {}
    for name, level in found.items():
        rows.setdefault((level, group_of.get(name, "-")), []).append(name)
    several = {group for level, group in rows if sum(other == group for _, other in rows) > 1}
    return _sorted(
        Job(f"{group}-{level}" if group in several else group, level, tuple(names))
        for (level, group), names in rows.items()
    )


def _sorted(jobs: Iterable[Job]) -> tuple[Job, ...]:
    key: Callable[[Job], int] = lambda job: job.level  # noqa: E731
    return tuple(sorted(jobs, key=key))
