"""Small projects on disk, built in this process on a store of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import anyio

from bake.app.building import BuildResult, build
from bake.app.options import Options
from bake.app.predicting import plan
from bake.events import Event, StepReport

BUSYBOX = Path("/bin/busybox")


class Project:
    """A directory with a bake.toml, and a store beside it."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "project"
        self.store = directory / "store"
        self.root.mkdir(parents=True)
        self.events: list[Event] = []

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def add_busybox(self) -> None:
        shutil.copy(BUSYBOX, self.root / "busybox")

    def options(self, *names: str, **changes: object) -> Options:
        environment = {"BAKE_STORE": str(self.store), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.root)}
        return Options(names=names, directory=str(self.root), environment=environment, **changes)  # type: ignore[arg-type]

    def build(self, *names: str, **changes: object) -> BuildResult:
        self.events = []
        return anyio.run(build, self.options(*names, **changes), self.events.append)

    def plan(self, *names: str, **changes: object) -> tuple[StepReport, ...]:
        return anyio.run(plan, self.options(*names, **changes), lambda _event: None).steps


def statuses(steps: tuple[StepReport, ...]) -> dict[str, str]:
    """`target/stage/ordinal` → status."""
    return {f"{step.targets[0]}/{step.stage}/{step.ordinal}": step.status for step in steps}


def reasons(steps: tuple[StepReport, ...]) -> dict[str, tuple[str, str]]:
    """Instruction → (kind, detail) of every miss."""
    return {step.instruction: (step.why.kind, step.why.detail) for step in steps if step.why}
