"""Everything that happens in a run, as one stream of small values (SPEC §4).

A renderer is a fold over this stream and nothing else. Field names are those of the JSON report; times are seconds
since the run started, sizes are bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bake.plan.reason import Why

StepStatus = Literal["cached", "run", "failed", "skipped", "cancelled", "unknown"]
TargetStatus = Literal["built", "unchanged", "failed", "skipped", "cancelled"]
Outcome = Literal["ok", "failed", "cancelled"]


class StepInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A step as people and machines see it. `at` is `Dockerfile:5`; `targets` are all that use it.

    `target_platform`: what the image, or the first of them, is for, where no image is for `platform`, which it runs on.
    `builder`: the address of the one that has it, "" for this host.
    """

    id: str
    targets: tuple[str, ...]
    platform: str
    target_platform: str = ""
    stage: str
    ordinal: int
    instruction: str
    at: str = ""
    builder: str = ""


class StepReport(StepInfo, frozen=True, kw_only=True):
    """`needs`: ids of the steps whose results it reads; `size` of the layer it made, in bytes, 0 if it made none."""

    status: StepStatus
    why: Why | None = None
    started_s: float = 0.0
    duration_s: float = 0.0
    exit_code: int | None = None
    needs: tuple[str, ...] = ()
    size: int = 0


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    size: int = 0
    labels: dict[str, str] = {}


class TargetReport(msgspec.Struct, frozen=True, kw_only=True):
    """`platforms`: manifest digests; `digest`: what a tag points at; both empty until something was exported.

    `needs`: the targets that it builds on.
    """

    status: TargetStatus
    platforms: dict[str, str] = {}
    digest: str = ""
    tags: tuple[str, ...] = ()
    published: bool = False
    metadata: Metadata = Metadata()
    duration_s: float = 0.0
    needs: tuple[str, ...] = ()


class DiagnosticInfo(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    severity: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    hint: str = ""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    pass


class RunStarted(_Event, tag="run.started", frozen=True):
    """`steps` counts all instruction steps, cached ones too; `platforms` those that images are built for.

    `builders`: addresses of those that may build.
    """

    run: str
    engine: str
    targets: tuple[str, ...]
    steps: int
    platforms: tuple[str, ...] = ()
    builders: tuple[str, ...] = ()


class StepStarted(_Event, tag="step.started", frozen=True):
    step: StepInfo
    why: Why | None = None
    started_s: float = 0.0


class StepLog(_Event, tag="step.log", frozen=True):
    """One line of output, without its end."""

    id: str
    stream: Literal["stdout", "stderr"]
    text: str


class StepProgress(_Event, tag="step.progress", frozen=True):
    """What a running step is doing besides its own output: `downloading base`, `waiting for another bake`, …"""

    id: str
    text: str
    current: int = 0
    total: int = 0


class StepFinished(_Event, tag="step.finished", frozen=True):
    step: StepReport


class TargetFinished(_Event, tag="target.finished", frozen=True):
    name: str
    target: TargetReport


class BlobStarted(_Event, tag="blob.started", frozen=True):
    """`direction` push or pull; `repository` without tag."""

    digest: str
    size: int
    direction: Literal["push", "pull"]
    repository: str


class BlobProgress(_Event, tag="blob.progress", frozen=True):
    digest: str
    direction: Literal["push", "pull"]
    repository: str
    current: int
    size: int


class BlobFinished(_Event, tag="blob.finished", frozen=True):
    """`bytes` that crossed the network; 0 for present and mounted ones."""

    digest: str
    size: int
    direction: Literal["push", "pull"]
    repository: str
    outcome: Literal["pushed", "mounted", "present", "pulled", "failed"]
    bytes: int = 0


class TagPublished(_Event, tag="tag.published", frozen=True):
    """`unchanged`: the registry had this digest under this tag already."""

    target: str
    tag: str
    digest: str
    unchanged: bool = False


class DiagnosticFound(_Event, tag="diagnostic", frozen=True):
    diagnostic: DiagnosticInfo


class RunFinished(_Event, tag="run.finished", frozen=True):
    outcome: Outcome
    exit_code: int
    duration_s: float


Event = (
    RunStarted | StepStarted | StepLog | StepProgress | StepFinished | TargetFinished
    | BlobStarted | BlobProgress | BlobFinished | TagPublished | DiagnosticFound | RunFinished
)  # fmt: skip


class BuilderState(msgspec.Struct, frozen=True, kw_only=True):
    """A builder as `bake builders` shows it. `in_use`: records of its cache that running builds hold.

    `steps_cached` and `steps_run` are of all our runs there; `problem` is why it does not answer, "" when it does.
    """

    addr: str
    problem: str = ""
    version: str = ""
    platforms: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    slots: int = 0
    cache_bytes: int = 0
    in_use: int = 0
    steps_cached: int = 0
    steps_run: int = 0


class Transfers(msgspec.Struct, frozen=True, kw_only=True):
    pushed_bytes: int = 0
    pulled_bytes: int = 0
    blobs_pushed: int = 0
    blobs_mounted: int = 0
    blobs_present: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run (SPEC §4)."""

    version: int = 1
    outcome: Outcome
    exit_code: int
    engine: str
    duration_s: float
    targets: dict[str, TargetReport] = {}
    steps: tuple[StepReport, ...] = ()
    transfers: Transfers = Transfers()
    diagnostics: tuple[DiagnosticInfo, ...] = ()
