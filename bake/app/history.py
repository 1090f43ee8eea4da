"""`bake history`: what the last runs came to. Each build leaves its report in the store, also when it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from bake.app.loading import find
from bake.app.options import Options
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.events import Report
from bake.render.diagnostics import info_of
from bake.render.report import encode
from bake.store import DiskStore
from bake.store.history import Run

ALL = 1000
"""More than a store keeps."""


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of a run. `root`: the directory of its spec; `names`: as asked for."""

    root: str
    names: tuple[str, ...]
    report: Report
    logs: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True)
class Past:
    """A run as the store has kept it. `number` grows from run to run, `started` is in unix seconds.

    `logs`: step id → the last lines that it printed.
    """

    number: int
    started: float
    root: str
    names: tuple[str, ...]
    report: Report
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def remember(
    store: DiskStore,
    root: str,
    names: Iterable[str],
    started: float,
    report: Report,
    errors: Iterable[BakeError] = (),
    logs: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Diagnostic]:
    """Keeps the report and what made it fail; that this cannot be done is worth a warning, and never a lost build."""
    told = dict.fromkeys([*report.diagnostics, *(info_of(d) for error in errors for d in error.diagnostics)])
    whole = msgspec.structs.replace(report, diagnostics=tuple(told))
    try:
        store.runs.add(started, report.outcome, encode(_Kept(root, tuple(names), whole, dict(logs or {}))))
    except (BakeError, OSError) as error:
        return [Diagnostic("not-remembered", f"this run is missing in bake history: {error}", severity="warning")]
    return []


def history(options: Options, *, most: int = ALL, everywhere: bool = False) -> tuple[Past, ...]:
    """The last runs of the spec at hand, the latest first; of all specs where there is none, or if `everywhere`."""
    root = None if everywhere else root_of(options)
    with Session(options) as session:
        found = (past for past in past_runs(session.store) if root in (None, past.root))
        return tuple(past for past, _ in zip(found, range(most), strict=False))


def past_run(options: Options, number: int) -> Past:
    """One run. Raises InputError when it is not, or no longer, known."""
    with Session(options) as session:
        for past in past_runs(session.store):
            if past.number == number:
                return past
        if any(run.id == number for run in session.store.runs.last(ALL)):
            message = f"what is kept of run {number} is damaged, or of another version of bake"
            raise InputError(Diagnostic("unreadable-run", message, hint="`bake history` lists those that can be read"))
    hint = "`bake history --all` lists those that are kept"
    raise InputError(Diagnostic("unknown-run", f"there is no run {number} in the store", hint=hint))


def to_retry(options: Options) -> tuple[str, ...]:
    """The targets that the last run of this spec was to build and did not; none when it built all.

    Raises InputError when nothing was built here yet.
    """
    for past in history(options, most=1):
        done = ("built", "unchanged")
        return tuple(name for name, target in past.report.targets.items() if target.status not in done)
    hint = "name the targets to build"
    raise InputError(Diagnostic("not-run", "nothing has been built here yet, so nothing has failed", hint=hint))


def past_runs(store: DiskStore) -> Iterator[Past]:
    """All runs, the latest first, without those that another version of bake wrote in another form."""
    for run in store.runs.last(ALL):
        kept = _decoded(run)
        if kept is not None:
            yield Past(run.id, run.started, kept.root, kept.names, kept.report, kept.logs)


def root_of(options: Options) -> str | None:
    """The directory of the spec at hand, None if there is none. Raises InputError when the one named is missing."""
    try:
        return os.path.dirname(os.path.abspath(find(options.directory, options.file)))
    except InputError:
        if options.file is not None:
            raise
        return None


def _decoded(run: Run) -> _Kept | None:
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(run.report, type=_Kept)
    with suppress(msgspec.MsgspecError, ValueError):  # a name that is no UTF-8, which msgspec refuses
        return msgspec.convert(json.loads(run.report), _Kept)
    return None
