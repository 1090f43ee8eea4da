"""Two runs as their events, with all that a renderer must show: shared and failing steps, hostile logs, transfers."""

from __future__ import annotations

import msgspec

from bake.events import (
    BlobFinished,
    BlobProgress,
    BlobStarted,
    DiagnosticFound,
    DiagnosticInfo,
    Event,
    Metadata,
    RunFinished,
    RunStarted,
    StepFinished,
    StepInfo,
    StepLog,
    StepProgress,
    StepReport,
    StepStarted,
    StepStatus,
    TagPublished,
    TargetFinished,
    TargetReport,
)
from bake.plan.reason import Why

DIGEST = "sha256:" + "ab" * 32


def step(
    id: str, ordinal: int, instruction: str, targets: tuple[str, ...] = ("app",), stage: str = "build"
) -> StepInfo:
    return StepInfo(
        id=id, targets=targets, platform="linux/amd64", stage=stage, ordinal=ordinal, instruction=instruction,
        at=f"Dockerfile:{ordinal + 1}",
    )  # fmt: skip


def finished(
    info: StepInfo, status: StepStatus, seconds: float = 0.0, why: Why | None = None, code: int | None = None
) -> StepFinished:
    return StepFinished(
        step=StepReport(**msgspec.structs.asdict(info), status=status, duration_s=seconds, why=why, exit_code=code)
    )


def log(id: str, *lines: str) -> list[Event]:
    return [StepLog(id=id, stream="stdout", text=line) for line in lines]


PIP = step("pip", 1, "RUN pip install fastapi")
COPY = step("copy", 2, "COPY . /src", ("app", "web", "worker"))
MAKE = step("make", 3, "RUN make \\\n    -j4 all", ("web",))
USER = step("user", 4, "USER app")
LATE = step("late", 5, "RUN never", ("web",))

NEVER = Why("never-built")
FILE = Why("file", "main.py changed")
ARG = Why("arg", "V: '1' → '2'")

SUCCESS: list[Event] = [
    RunStarted(run="r1", engine="embedded", targets=("app",), steps=3),
    finished(USER, "cached"),
    StepStarted(step=PIP, why=NEVER, started_s=0.1),
    *log("pip", "Collecting fastapi", "\x1b[32m10%\r\x1b[32m100%\x1b[0m", "::error::obey me ##[group]x"),
    StepStarted(step=COPY, why=FILE, started_s=0.2),
    StepProgress(id="copy", text="waiting for another bake"),
    *log("copy", "copying 日本"),
    BlobStarted(digest="sha256:1", size=5_000_000, direction="pull", repository="r/base"),
    BlobProgress(digest="sha256:1", size=5_000_000, direction="pull", repository="r/base", current=2_000_000),
    finished(COPY, "run", 0.4, FILE, 0),
    *log("pip", "done"),
    BlobFinished(
        digest="sha256:1", size=5_000_000, direction="pull", repository="r/base", outcome="pulled", bytes=5_000_000
    ),
    finished(PIP, "run", 12.34, NEVER, 0),
    BlobFinished(digest="sha256:2", size=9, direction="push", repository="localhost:5000/app", outcome="present"),
    BlobFinished(
        digest="sha256:3", size=5000, direction="push", repository="localhost:5000/app", outcome="pushed", bytes=5000
    ),
    TagPublished(target="app", tag="localhost:5000/app:1", digest=DIGEST),
    TagPublished(target="app", tag="localhost:5000/app:latest", digest=DIGEST, unchanged=True),
    TargetFinished(
        name="app",
        target=TargetReport(
            status="built", platforms={"linux/amd64": DIGEST}, digest=DIGEST, published=True, duration_s=12.74,
            tags=("localhost:5000/app:1", "localhost:5000/app:latest"), metadata=Metadata(size=5009),
        ),
    ),
    RunFinished(outcome="ok", exit_code=0, duration_s=13.0),
]  # fmt: skip

FAILURE: list[Event] = [
    RunStarted(run="r2", engine="embedded", targets=("app", "web"), steps=4),
    DiagnosticFound(
        diagnostic=DiagnosticInfo(
            code="offline", severity="warning", message="r is out of reach", file="bake.toml", line=3, column=1,
            hint="the digest known last is used",
        )
    ),
    StepStarted(step=MAKE, why=ARG),
    *log("make", *[f"line {number}" for number in range(1, 31)]),
    StepStarted(step=COPY, why=FILE),
    *log("copy", "half of it"),
    finished(MAKE, "failed", 75.2, ARG, 2),
    finished(LATE, "skipped"),
    finished(COPY, "cancelled", 0.2, FILE),
    finished(PIP, "cancelled"),
    TargetFinished(name="app", target=TargetReport(status="cancelled", tags=("app:1",), duration_s=0.2)),
    TargetFinished(name="web", target=TargetReport(status="failed", duration_s=75.2)),
    DiagnosticFound(diagnostic=DiagnosticInfo(code="step-failed", severity="error", message="exit code 2")),
    RunFinished(outcome="failed", exit_code=1, duration_s=88.1),
]  # fmt: skip
