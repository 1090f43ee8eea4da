"""The short texts that every renderer uses: times, sizes, reasons, where a step stands, what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bake.events import StepInfo, StepReport
from bake.plan.reason import Why
from bake.render.sanitize import clean

STATUS: Mapping[str, tuple[str, str]] = {
    "cached": ("CACHED", "good"),
    "run": ("DONE", "good"),
    "failed": ("FAILED", "error"),
    "skipped": ("SKIPPED", "warning"),
    "cancelled": ("CANCELLED", "warning"),
    "unknown": ("UNKNOWN", "dim"),
    "built": ("built", "good"),
    "unchanged": ("unchanged", "good"),
}
"""Status of a step or target → (word, meaning of its colour)."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def seconds(value: float) -> str:
    """`0.3s`, `12.0s`, `2m05s`, `1h02m`."""
    if value < 59.95:
        return f"{value:.1f}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    return f"{minutes // 60}h{minutes % 60:02}m"


def size(value: int) -> str:
    """Bytes in decimal units, as registries count: `0 B`, `1.2 MB`."""
    amount, unit = float(value), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 99.95 else f"{amount:.1f} {_UNITS[unit]}"


def count(number: int, noun: str) -> str:
    """`1 step`, `2 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def names(targets: Sequence[str]) -> str:
    """`main`, or `main +3` for a step that four targets share."""
    return clean(targets[0] if len(targets) == 1 else f"{targets[0]} +{len(targets) - 1}") if targets else ""


def step_counts(found: Mapping[str, int]) -> str:
    """`5 cached, 2 run`, in the order of `STATUS`."""
    return ", ".join(f"{found[status]} {status}" for status in STATUS if found.get(status))


def place(step: StepInfo, several: bool = False) -> str:
    """`main build 3`: target, stage, ordinal; `main linux/arm64 build 3` where images have `several` platforms."""
    on = platform(step) if several else ""
    return " ".join(part for part in (names(step.targets), on, clean(step.stage), str(step.ordinal)) if part)


def platform(step: StepInfo) -> str:
    """What a step runs on, and for, as BuildKit writes it: `linux/amd64`, `linux/amd64->arm64`."""
    system = step.platform.partition("/")[0]
    way = f"->{step.target_platform.removeprefix(f'{system}/')}" if step.target_platform else ""
    return clean(step.platform + way)


def builder(step: StepInfo) -> str:
    """Its address without options: `tcp://buildkitd-0:1234`; "" for what ran on this host."""
    return clean(step.builder.partition("?")[0])


def instruction(step: StepInfo) -> str:
    """The instruction on one line."""
    return clean(" ".join(step.instruction.replace("\\\n", " ").split()))


def reason(why: Why | None) -> str:
    """`main.py changed`, `arg: VERSION: '1' → '2'`, `never built`; "" for none."""
    if why is None:
        return ""
    kind = why.kind.replace("-", " ")
    if not why.detail:
        return kind
    return clean(why.detail) if why.kind in _TELLING else f"{kind}: {clean(why.detail)}"


def told_reason(step: StepReport) -> str:
    """The reason, also of a step that cannot be decided yet."""
    return "waits on a step that will run" if step.status == "unknown" and step.why is None else reason(step.why)


_TELLING = frozenset({"file", "base", "parent", "instruction", "options", "evicted"})
"""Kinds whose detail says it all."""


def status_word(step: StepReport) -> str:
    """`CACHED`, `DONE 0.3s`, `FAILED 0.3s (exit code 2)`."""
    word = STATUS[step.status][0]
    if step.status in ("run", "failed") or step.duration_s:
        word += f" {seconds(step.duration_s)}"
    return f"{word} (exit code {step.exit_code})" if step.exit_code else word
