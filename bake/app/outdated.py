"""`bake outdated`: which locked inputs have moved since, and which targets an upgrade would build again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bake.app.git_logins import git_logins
from bake.app.inputs import Input, inputs_of, name_of
from bake.app.loading import Loaded, find, load
from bake.app.locking import Warn, ask
from bake.app.options import Options
from bake.app.pinning import lock_path, shown
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError
from bake.gather.answers import Answers
from bake.gather.lockfile import Lock, Name, read_lock
from bake.gather.pins import Pins
from bake.oci.reference import parse_reference
from bake.plan.facts import Facts, ImageQuery, Needs
from bake.plan.step import HttpOp


@dataclass(frozen=True)
class Moved:
    """An input that is another one now. `targets` would be built again: none if only other platforms moved."""

    name: Name
    locked: str
    now: str
    targets: tuple[str, ...]


async def outdated(options: Options, warn: Warn) -> tuple[Moved, ...]:
    """By kind and name. Inputs that cannot be asked for are warned of. Raises InputError or RemoteError."""
    with Session(options) as session:
        loaded = load(session, options.names or ("all",))
        path = lock_path(find(options.directory, options.file))
        lock = read_lock(path, shown(path))
        if lock is None:
            raise InputError(Diagnostic("no-lock", f"there is no {shown(path)}", hint="write it with `bake lock`"))
        facts, _ = await ask(session, loaded, _answers(session, loaded, warn, lock))
        used = {name: inputs_of(session, loaded, name, facts) for name in loaded.targets}
        rows = []
        for name, uses in sorted(_uses(facts, lock).items()):
            try:
                now, changed = await _now(session, loaded, lock, name, uses, facts, used)
            except BakeError as error:
                warn(Diagnostic("not-looked-up", f"{name[1]} cannot be asked for: {error}", severity="warning"))
                continue
            if now != lock.main(name):
                targets = tuple(target for target, theirs in used.items() if changed & theirs)
                rows.append(Moved(name, lock.main(name), now, targets))
        return tuple(rows)


def _answers(session: Session, loaded: Loaded, warn: Warn, lock: Lock) -> Answers:
    from bake.app.fetching import RegistryImages

    login = git_logins(session, loaded.siblings)
    return Answers(session.store, lambda: RegistryImages(session.registry), warn, Pins(lock), login)


def _uses(facts: Facts, lock: Lock) -> dict[Name, frozenset[Input]]:
    """Locked input → the questions that it answers."""
    found: dict[Name, set[Input]] = {}
    every: tuple[Input, ...] = (*facts.images, *facts.urls, *facts.gits)
    for used in every:
        found.setdefault(name_of(used), set()).add(used)
    return {name: frozenset(uses) for name, uses in found.items() if name in lock.entries}


async def _now(
    session: Session,
    loaded: Loaded,
    lock: Lock,
    name: Name,
    uses: frozenset[Input],
    facts: Facts,
    used: Mapping[str, frozenset[Input]],
) -> tuple[str, frozenset[Input]]:
    """What the input is now, and those uses that have changed with it; `used` by target. Raises RemoteError."""
    from bake.app.fetching import RegistryImages

    now = ""
    if name[0] == "image":
        now = await RegistryImages(session.registry).digest_of(parse_reference(name[1]))
        if now == lock.main(name):
            return now, frozenset()
    asked = Needs()
    for use in uses:
        _add(asked, use, [target for target, theirs in used.items() if use in theirs])
    entries = {other: row for other, row in lock.entries.items() if other != name}
    others = Lock(entries | ({name: {"digest": now}} if now else {}))
    renewed = await _answers(session, loaded, _refuse, others).answer(asked, Facts())
    changed = frozenset(use for use in uses if _identity(renewed, use) != _identity(facts, use))
    return now or next((_identity(renewed, use) for use in changed), lock.main(name)), changed


def _refuse(warning: Diagnostic) -> None:
    """What is only assumed, as nobody answers, tells nothing about now."""
    if warning.code == "offline":
        raise BakeError(replace(warning, severity="error"))


def _add(needs: Needs, use: Input, targets: Sequence[str]) -> None:
    if isinstance(use, ImageQuery):
        needs.images[use] = None
    elif isinstance(use, HttpOp):
        needs.urls[use] = True
    else:
        needs.gits[use] = True
        needs.askers[use] = dict.fromkeys(targets)


def _identity(facts: Facts, use: Input) -> str:
    if isinstance(use, ImageQuery):
        return facts.images[use].digest
    return facts.urls[use].digest if isinstance(use, HttpOp) else facts.gits[use].commit
