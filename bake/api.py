"""The library: load a spec, plan it, build it (SPEC §6). The command line calls the same functions.

spec = bake.load("bake.toml")
print([step.why for step in spec.plan("app").steps])
report = await spec.build("app", push=True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bake.app.options import Options
from bake.events import Event, Report, StepReport
from bake.spec.target import Target

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Spec:
    """A loaded bake.toml. Each call reads it again, so it never goes stale."""

    options: Options

    @property
    def targets(self) -> Mapping[str, Target]:
        """All targets that are no templates, resolved. Raises InputError."""
        from bake.app.loading import load as load_targets
        from bake.app.session import Session

        with Session(self.options) as session:
            return load_targets(session, ("all",)).targets

    def plan(self, *names: str, **changes: Any) -> Plan:
        """What a build of `names` (none: the default group) would run, and why. Builds nothing.

        `changes` are further fields of `Options`. Raises InputError or RemoteError. Works inside a running event loop.
        """
        from bake.app.predicting import plan

        wanted = replace(self.options, names=names, **changes)

        def work() -> Plan:
            import anyio

            return Plan(anyio.run(plan, wanted, _ignore).steps)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(work).result()

    async def build(self, *names: str, on_event: OnEvent | None = None, **changes: Any) -> Report:
        """Builds `names` and returns the report, of a failed build too.

        `changes` are further fields of `Options`, such as `push=True`. Raises InputError or RemoteError for what is
        wrong before anything runs.
        """
        from bake.app.building import build

        result = await build(replace(self.options, names=names, **changes), on_event or _ignore)
        return result.report


@dataclass(frozen=True)
class Plan:
    """`steps`: what `bake plan --json` lists, in the same words."""

    steps: tuple[StepReport, ...]


def load(
    path: str | Path | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    profiles: tuple[str, ...] = (),
    sets: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Spec:
    """The spec at `path`: a file, or a directory searched upward (None: the working directory). Raises InputError."""
    place = Path.cwd() if path is None else Path(path).absolute()
    directory, file = (str(place), None) if place.is_dir() else (str(place.parent), place.name)
    spec = Spec(
        Options(
            directory=directory,
            file=file,
            vars=dict(variables or {}),
            profiles=profiles,
            sets=sets,
            environment=dict(environment or {}),
        )
    )
    _ = spec.targets
    return spec


def _ignore(_event: Event) -> None:
    pass
