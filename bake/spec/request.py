"""What one run asks of a spec: names, variables, profiles, overrides, and the facts that `${…}` may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

GIT_FACTS = ("sha", "short", "branch", "tag", "dirty", "time")
"""What `${git.*}` knows. `dirty`: `true` or `false`; `time`: of the commit, RFC 3339; `tag`: absent without one."""


@dataclass(frozen=True)
class Request:
    """Nothing is read from the process: the caller passes what there is."""

    names: tuple[str, ...] = ()
    """Targets, groups, matrix names, `name[axis=value]` or globs; none: group `default`, else every target."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """`--var NAME=VALUE`, taken literally."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    profiles: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    """`--set`, in order: `PATTERN.KEY=VALUE`."""
    git: Mapping[str, str] | Callable[[], Mapping[str, str]] = field(default_factory=dict)
    """Facts by name; a function is called at most once, and only when `${git.*}` is met."""
    platform: str = "linux/amd64"
    """For targets that name none."""
