"""`bake explain`: why each step ran or did not, in the last run of a target or in the next one.

The reasons are those that were recorded when each step was decided; nothing is decided again here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bake.app.history import Past, history, past_runs, root_of
from bake.app.loading import load
from bake.app.notices import Emit
from bake.app.options import Options
from bake.app.predicting import foresee
from bake.app.selection import Address, addresses_of
from bake.app.session import Session
from bake.errors import Diagnostic, InputError
from bake.events import StepReport
from bake.plan.origin import Origin
from bake.ports.records import Record, Records


@dataclass(frozen=True)
class Hit:
    """Where a cached result came from: made at `made` (unix seconds) in `saved_s` seconds.

    `run` and `target` made it, 0 and "" when that run is no longer kept. `origin`: the remote cache that it came from,
    "" when it was made on this machine.
    """

    made: float
    saved_s: float
    run: int = 0
    target: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Explanation:
    """Steps of one run, the next one if `run` is 0. `hits` and `parts` are by step id.

    `parts`: what the key of a step is made of, given when a single step was asked for.
    """

    run: int
    started: float
    steps: tuple[StepReport, ...]
    hits: Mapping[str, Hit] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def explain(options: Options, texts: Sequence[str]) -> tuple[Explanation, ...]:
    """The last run; of each target named, its own last run. Raises InputError for what has not been run yet."""
    with Session(options) as session:
        root = root_of(options)
        runs = tuple(past for past in past_runs(session.store) if root in (None, past.root))
        if not runs:
            raise _nothing("nothing has been built here yet")
        wanted = _wanted(session, runs, texts)
        return tuple(_explained(session.store.records, runs, at, steps) for at, steps in wanted.items())


async def explain_next(options: Options, texts: Sequence[str], on_event: Emit) -> Explanation:
    """As `bake plan`, of the steps named. Raises InputError or RemoteError."""
    with Session(options) as session:
        wanted = [address for text in texts for address in addresses_of(text, (), _names_in(session))]
    names = tuple(dict.fromkeys(address.target for address in wanted))
    foreseen = await foresee(replace(options, names=names), on_event)
    predicted = foreseen.report
    for address in wanted:
        _some(address, predicted.steps)
    steps = tuple(s for s in predicted.steps if not wanted or any(address.names(s) for address in wanted))
    runs = history(options, everywhere=True)
    found = {step.id: _made(foreseen.records[step.id], runs, step) for step in steps if step.id in foreseen.records}
    return Explanation(0, 0.0, steps, found)


def _wanted(session: Session, runs: Sequence[Past], texts: Sequence[str]) -> dict[int, tuple[StepReport, ...]]:
    """Index of a run → its steps that were asked for."""
    if not texts:
        return {0: runs[0].report.steps}
    known = {name for past in runs for name in _targets(past)}
    found: dict[int, set[str]] = {}
    for address in [a for text in texts for a in addresses_of(text, known, _names_in(session))]:
        at = next((number for number, past in enumerate(runs) if address.target in _targets(past)), None)
        if at is None:
            raise _nothing(f"'{address.target}' has not been built yet")
        found.setdefault(at, set()).update(_some(address, runs[at].report.steps))
    return {at: tuple(s for s in runs[at].report.steps if s.id in found[at]) for at in sorted(found)}


def _some(address: Address, steps: Sequence[StepReport]) -> list[str]:
    """The ids of the steps meant. Raises InputError when a stage or a number is wrong."""
    found = [step.id for step in steps if address.names(step)]
    if not found and address.stage is not None:
        hint = f"`bake explain {address.target}` lists its steps"
        raise InputError(Diagnostic("unknown-step", f"there is no step '{address}'", hint=hint))
    return found


def _targets(past: Past) -> set[str]:
    return {*past.report.targets, *(name for step in past.report.steps for name in step.targets)}


def _names_in(session: Session) -> Callable[[str], tuple[str, ...]]:
    """What a name stands for in the spec as it is now."""
    return lambda name: tuple(load(session, (name,)).targets)


def _explained(records: Records, runs: Sequence[Past], at: int, steps: tuple[StepReport, ...]) -> Explanation:
    past = runs[at]
    hits = {step.id: hit for step in steps if step.status == "cached" and (hit := _hit(records, runs[at:], step))}
    parts = {step.id: records.last_parts(_slot(past.root, step)) or {} for step in steps} if len(steps) == 1 else {}
    return Explanation(past.number, past.started, steps, hits, parts)


def _hit(records: Records, runs: Sequence[Past], step: StepReport) -> Hit | None:
    """`runs`: the one explained and those before it."""
    record = records.last_record(_slot(runs[0].root, step))
    end = runs[0].started + runs[0].report.duration_s
    if record is None or (not record.origin and record.created > end):
        return None  # nothing is known, or another run has had this slot since
    return _made(record, runs[1:], step)


def _made(record: Record, runs: Sequence[Past], step: StepReport) -> Hit:
    """Where a record came from; `runs` are those that may have made it."""
    hit = Hit(record.created, round(record.duration, 4), origin=record.origin)
    for past in runs if not record.origin else ():
        if past.started <= record.created <= past.started + past.report.duration_s + 1:
            made = next((s for s in past.report.steps if s.id == step.id and s.status == "run"), None)
            if made is not None:
                return replace(hit, run=past.number, target=made.targets[0])
    return hit


def _slot(root: str, step: StepReport) -> str:
    on, of = step.platform, step.target_platform
    return Origin(step.targets[0], on, step.stage, step.ordinal, step.instruction, target_platform=of).slot(root)


def _nothing(message: str) -> InputError:
    return InputError(Diagnostic("not-run", message, hint="`bake explain --next` tells what a build would do"))
