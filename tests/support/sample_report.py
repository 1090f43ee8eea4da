"""Reports of runs that never were: of any size, with every status, and with text that attacks who shows it."""

from __future__ import annotations

import random
from collections.abc import Mapping

from bake.events import DiagnosticInfo, Metadata, Report, StepLog, StepReport, StepStatus, TargetReport, Transfers
from bake.plan.reason import Why
from bake.render.logs import LogFold

ATTACKS = (
    "<script>window.attacked = 1</script>",
    "</pre></details><img src=x onerror='window.attacked = 2'>",
    "{{ 7 * 7 }} {% raw %} &lt;b&gt; ]]> --> <!-- '\"`",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07link\x1b]8;;\x07",
    "‮reversed‬",
)
_WHYS = (
    Why("file", "src/main.py changed, src/util.py changed and 3 more"),
    Why("arg", "VERSION: '1.2.3' → '1.2.4'"),
    Why("base", "the base image changed"),
    Why("parent", "the step before it has a new result"),
    Why("never-built"),
)
_INSTRUCTIONS = (
    "RUN apt-get update && apt-get install -y --no-install-recommends build-essential curl ca-certificates",
    "COPY --chown=app:app src/ /app/src/",
    "WORKDIR /app",
    "RUN pip install -r requirements.txt",
    "RUN npm ci && npm run build",
)


def sample(
    steps: int = 24, targets: int = 5, seed: int = 1, *, failed: bool = False, hostile: bool = False
) -> tuple[Report, Mapping[str, tuple[str, ...]]]:
    """A report and the logs of its steps."""
    chance = random.Random(seed)
    names = [f"service-{number}" for number in range(targets)]
    rows: list[StepReport] = []
    logs = LogFold()
    last: dict[str, StepReport] = {}
    free = [0.0] * 4
    ready: dict[str, float] = {}
    for number in range(steps):
        name = names[min(number * targets // steps, targets - 1)]
        before = last.get(name) or (chance.choice(list(last.values())) if last else None)
        status: StepStatus = "cached" if chance.random() < 0.4 else "run"
        if failed and number == steps - 2:
            status = "failed"
        if failed and number == steps - 1:
            status = "skipped"
        takes = status in ("run", "failed")
        lane = min(range(4), key=free.__getitem__)
        at = ready.get(before.id, 0.0) if before else 0.0
        started = max(free[lane], at) if takes else 0.0
        duration = round(chance.uniform(0.2, 9), 3) if takes else 0.0
        text = chance.choice(_INSTRUCTIONS) + (ATTACKS[number % len(ATTACKS)] if hostile else "")
        step = StepReport(
            id=f"{number:064x}", targets=(name,), platform="linux/amd64", stage="build" if number % 5 else "0",
            ordinal=number + 1, instruction=text, at=f"{name}/Dockerfile:{number + 2}", status=status,
            why=chance.choice(_WHYS) if takes else None, started_s=started, duration_s=duration,
            exit_code=2 if status == "failed" else 0 if takes else None, needs=(before.id,) if before else (),
            size=chance.randrange(80_000_000) if takes else 0,
        )  # fmt: skip
        if takes:
            free[lane] = started + duration
            lines = [f"[{n}/12] Unpacking package-{n} (1.{n}.0-2+deb12u1) ..." for n in range(12)]
            for line in (*lines, *(ATTACKS if hostile else ())):
                logs.event(StepLog(id=step.id, stream="stdout", text=line))
        ready[step.id] = max(at, started + duration)
        rows.append(step)
        last[name] = step
    found = {
        name: TargetReport(
            status="failed" if failed and name == names[-1] else "built" if number % 3 else "unchanged",
            digest="sha256:" + f"{number:x}" * 64, platforms={"linux/amd64": "sha256:" + "a" * 64},
            tags=(f"ghcr.io/acme/{name}:1.4.{number}", f"registry.example.org:5000/acme/{name}:latest"),
            published=not failed, metadata=Metadata(size=chance.randrange(300_000_000)),
            duration_s=round(chance.uniform(0, 30), 2), needs=(names[0],) if number else (),
        )
        for number, name in enumerate(names)
    }  # fmt: skip
    diagnostics = (
        DiagnosticInfo(code="offline", severity="warning", message="docker.io/library/python:3.12 could not be looked "
                       "up; the digest known last is used", hint="--pull makes this an error"),
    )  # fmt: skip
    if hostile:
        diagnostics += tuple(DiagnosticInfo(code="x", severity="error", message=text) for text in ATTACKS)
    report = Report(
        outcome="failed" if failed else "ok", exit_code=1 if failed else 0, engine="embedded",
        duration_s=max(step.started_s + step.duration_s for step in rows), targets=found, steps=tuple(rows),
        transfers=Transfers(pushed_bytes=48_211_003, pulled_bytes=91_000_000, blobs_pushed=7, blobs_present=12),
        diagnostics=diagnostics,
    )  # fmt: skip
    return report, logs.logs()
