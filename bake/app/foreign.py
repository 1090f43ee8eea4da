"""Which steps of a plan cannot run here, as they are for a platform whose programs this host does not run.

The same trial as a build's helper makes (sandbox/emulation.py), in the same namespaces, by `python -m bake.app.foreign
SETTINGS`; so it leaves nothing behind. It is made only when a step of another platform would run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bake.engine.embedded.launch import find_tier
from bake.errors import Diagnostic, HostError
from bake.events import StepReport
from bake.oci.platform import Platform, parse_platform
from bake.plan.outcome import Plan
from bake.plan.step import ExecOp, StepId

_SECONDS = 30.0


class _Settings(msgspec.Struct, frozen=True):
    """`private`: the namespaces hold a user namespace of their own."""

    platforms: tuple[str, ...]
    place: str
    private: bool


async def foreign_findings(plan: Plan, reports: Mapping[StepId, StepReport], here: Platform) -> Sequence[Diagnostic]:
    """A warning a platform that cannot run, at the first RUN that would meet it. `reports`: as predicted."""
    steps: dict[str, list[StepId]] = {}
    for step in plan.steps.values():
        if not isinstance(step.op, ExecOp) or not step.platform or parse_platform(step.platform).arch == here.arch:
            continue
        if step.id in reports and reports[step.id].status in ("run", "unknown"):
            steps.setdefault(step.platform, []).append(step.id)
    refusals = await _refusals(tuple(steps)) if steps else {}
    return [_warning(plan, steps[name], refusals[name]) for name in steps if name in refusals]


def _warning(plan: Plan, steps: Sequence[StepId], refusal: tuple[str, str]) -> Diagnostic:
    message, hint = refusal
    more = f", nor the {len(steps) - 1} others of that platform" if len(steps) > 1 else ""
    span = next((origin.span for step in steps for origin in plan.origins.get(step, ())), None)
    return Diagnostic("foreign-platform", f"this step could not run{more}: {message}", span, hint or None, "warning")


async def _refusals(platforms: tuple[str, ...]) -> Mapping[str, tuple[str, str]]:
    """Platform → (what is wrong, what to do), of those that do not run. Empty when it cannot be tried."""
    import anyio

    tier = await find_tier()
    with TemporaryDirectory(prefix="bake-") as place:
        settings = _Settings(platforms, place, tier.name != "root")
        # -P: a directory named `bake` where the user stands must not be imported.
        argv = [*tier.unshare, sys.executable, "-P", "-m", "bake.app.foreign", msgspec.json.encode(settings).decode()]
        try:
            with anyio.fail_after(_SECONDS):
                done = await anyio.run_process(argv, check=False)
            return msgspec.json.decode(done.stdout, type=dict[str, tuple[str, str]])
        except (TimeoutError, OSError, msgspec.MsgspecError):
            return {}


async def _try(settings: _Settings) -> dict[str, tuple[str, str]]:
    from bake.sandbox.emulation import Emulation

    emulation = Emulation(Path(settings.place), settings.private)
    found: dict[str, tuple[str, str]] = {}
    for name in settings.platforms:
        try:
            await emulation.need(name)
        except HostError as error:
            first = error.diagnostics[0]
            found[name] = first.message, first.hint or ""
    return found


if __name__ == "__main__":
    print(msgspec.json.encode(asyncio.run(_try(msgspec.json.decode(sys.argv[1], type=_Settings)))).decode())
