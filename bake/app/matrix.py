"""`bake matrix`: the targets, or those that a change touches, as jobs for the machines of a CI system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from bake.app.affecting import Affected
from bake.app.graphing import graph
from bake.app.loading import load, request
from bake.app.options import Options
from bake.app.session import Session
from bake.plan.levels import Job, by_group, by_level, by_target, levels
from bake.spec.resolve import resolve
from bake.spec.target import Target

By = Literal["target", "level", "group"]


@dataclass(frozen=True)
class JobRow:
    """A job. `platforms` of all its targets (none: that of the machine); `why` it is affected, "" if not asked."""

    name: str
    level: int
    targets: tuple[str, ...]
    platforms: tuple[str, ...]
    why: str = ""


def matrix(options: Options, by: By, affected: Affected | None = None) -> tuple[JobRow, ...]:
    """By level. Without names all targets; of those, with `affected`, what it names. Raises InputError."""
    asked = options if options.names else replace(options, names=("all",))
    with Session(asked) as session:
        loaded = load(session)
        groups = _groups(session) if by == "group" else {}
    wanted = [name for name in loaded.targets if affected is None or name in affected.targets]
    found = levels(graph(asked), wanted)
    jobs = by_target(found) if by == "target" else by_level(found) if by == "level" else by_group(found, groups)
    return tuple(_row(job, loaded.targets, affected.targets if affected else {}) for job in jobs)


def _groups(session: Session) -> dict[str, tuple[str, ...]]:
    """Members of the groups of the spec, those of groups in them too; `default` last, as it often has everything."""
    loaded = load(session, ("all",))
    spec = loaded.resolved.spec
    names = sorted(spec.groups, key=lambda name: name == "default")
    return {name: tuple(resolve(spec, request(session, spec, (name,))).requested) for name in names}


def _row(job: Job, targets: Mapping[str, Target], why: Mapping[str, str]) -> JobRow:
    platforms = dict.fromkeys(platform for name in job.targets for platform in targets[name].platforms)
    reasons = dict.fromkeys(why[name] for name in job.targets if name in why)
    return JobRow(job.name, job.level, job.targets, tuple(map(str, platforms)), "; ".join(reasons))
