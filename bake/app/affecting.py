"""`bake affected`: the targets whose inputs a change touches, and those that build on them. Builds nothing.

What a target reads: its form in bake.toml once resolved, its Dockerfile and ignore files, and of its contexts the files
that steps really take. Rather too many than too few are named: a changed comment of a Dockerfile counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bake.app.inputs import differences, inputs_of, name_of
from bake.app.loading import Loaded, find, load, read, read_all, request
from bake.app.options import Options
from bake.app.pinning import lock_path, pins_of
from bake.app.session import Session
from bake.errors import BakeError, Diagnostic, InputError, Source
from bake.gather.changes import Repository
from bake.gather.lockfile import Lock, parse_lock
from bake.gather.pins import Pins
from bake.gather.scan import scan
from bake.plan.affected import Touched, affected_steps, affected_targets
from bake.plan.facts import Facts, ImageFact, ImageQuery, Needs
from bake.plan.outcome import Plan
from bake.plan.step import LocalOp
from bake.plan.unknown import UnknownImages
from bake.spec.request import Request
from bake.spec.resolve import resolve
from bake.spec.target import Target
from bake.spec.workspace import Spec

Warn = Callable[[Diagnostic], None]


@dataclass(frozen=True)
class Affected:
    """Target → why, each after those that it builds on; `changed` counts the files that were looked at."""

    targets: Mapping[str, str]
    changed: int


async def affected_since(options: Options, revision: str, warn: Warn) -> Affected:
    """By what differs between a git revision and the working tree. Raises InputError."""
    with Session(options) as session:
        loaded = load(session, options.names or ("all",))
        repository = Repository(loaded.root)
        commit = repository.commit(revision)
        changed = [_real(path) for path in repository.changed(commit)]
        by_spec = _respecified(session, loaded, repository, commit) if _of_spec(session, changed) else {}
        lock = lock_path(find(options.directory, options.file))
        old = _lock_at(repository, commit, lock) if _real(str(lock)) in changed else None
        return await _affected(session, loaded, changed, by_spec, warn, old)


async def affected_by(options: Options, paths: Sequence[str], warn: Warn) -> Affected:
    """By changed files, relative to the directory of the options. What a bake.toml said before is not known then."""
    with Session(options) as session:
        loaded = load(session, options.names or ("all",))
        changed = [_real(os.path.join(os.path.abspath(options.directory), path)) for path in paths]
        spec = _of_spec(session, changed)
        by_spec = dict.fromkeys(loaded.targets, f"{os.path.relpath(spec, loaded.root)} changed") if spec else {}
        lock = lock_path(find(options.directory, options.file))
        old = Lock() if _real(str(lock)) in changed else None  # any of its entries may be new
        return await _affected(session, loaded, changed, by_spec, warn, old)


def _real(path: str) -> str:
    """With the links of the directories followed, and not the last one: that is the file that changed."""
    directory, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(directory), name)


def _of_spec(session: Session, changed: Sequence[str]) -> str | None:
    """A changed file that the spec is or was made of: one that is gone may have been included before."""
    path = find(session.options.directory, session.options.file)
    files = {_real(name) for name in read_all(path)[1]}
    return next((c for c in changed if c in files or (c.endswith(".toml") and not os.path.exists(c))), None)


def _respecified(session: Session, loaded: Loaded, repository: Repository, commit: str) -> dict[str, str]:
    """The targets whose resolved form was another one at `commit`. Facts of git are those of now, then as well."""
    with TemporaryDirectory(prefix="bake-") as place:
        repository.specs_at(commit, Path(place))
        path = find(session.options.directory, session.options.file)
        then = Path(os.path.realpath(place), os.path.relpath(os.path.realpath(path), repository.top))
        before = _resolved(session, loaded, then) if then.is_file() else {}
    moved = os.path.realpath(place)
    found: dict[str, str] = {}
    for name, target in loaded.targets.items():
        old, here = before.get(name), os.path.realpath(target.root)
        if old is None:
            found[name] = "new or not readable then"
        elif replace(old, root=old.root.replace(moved, repository.top, 1)) != replace(target, root=here):
            found[name] = "its form in bake.toml changed"
    return found


def _resolved(session: Session, loaded: Loaded, path: Path) -> dict[str, Target]:
    """The targets of an older spec that can still be resolved."""
    try:
        spec = read(path)
        asked = replace(request(session, spec, ()), git=request(session, loaded.resolved.spec, ()).git)
    except InputError:
        return {}
    try:
        return dict(resolve(spec, replace(asked, names=("all",))).targets)
    except InputError:  # what is wrong there need not be wrong with all targets
        return dict(_each(spec, asked, loaded.targets))


def _each(spec: Spec, asked: Request, names: Iterable[str]) -> Iterator[tuple[str, Target]]:
    for name in names:
        with suppress(InputError):
            yield name, resolve(spec, replace(asked, names=(name,))).target(name)


async def _affected(
    session: Session, loaded: Loaded, changed: Sequence[str], by_spec: Mapping[str, str], warn: Warn, old: Lock | None
) -> Affected:
    """`old`: the lock as it was, None if it is the same now."""
    plan, read_by, facts = await _compiled(session, loaded, warn)
    reasons = dict(by_spec) | (_relocked(session, loaded, facts, old) if old is not None else {})
    for name, paths in read_by.items():
        path = next((path for path in changed if path in paths), None)
        if path is not None:
            reasons.setdefault(name, f"{os.path.relpath(path, loaded.root)} changed")
    contexts = {op: list(_within(os.path.realpath(op.root), changed)) for op in _contexts(plan)}
    trees = {op: scan(op, (), session.store.files) for op, paths in contexts.items() if paths}
    steps = affected_steps(plan, Touched(trees, contexts))
    found = affected_targets(plan, steps, reasons)
    return Affected({name: why for name, why in found.items() if name in loaded.targets}, len(changed))


def _lock_at(repository: Repository, commit: str, path: Path) -> Lock:
    """Of a lock that was none, or was damaged, nothing is known: all entries are new then."""
    text = repository.text_at(commit, os.path.relpath(os.path.realpath(path), repository.top))
    try:
        return parse_lock(Source(path.name, text)) if text is not None else Lock()
    except InputError:
        return Lock()


def _relocked(session: Session, loaded: Loaded, facts: Facts, old: Lock) -> dict[str, str]:
    """The targets with an input that another digest or commit is locked for now."""
    names = differences(old, pins_of(session).lock)
    found: dict[str, str] = {}
    for target in loaded.targets:
        theirs = sorted(names & {name_of(used) for used in inputs_of(session, loaded, target, facts)})
        if theirs:
            found[target] = f"{theirs[0][1]} is locked anew"
    return found


async def _compiled(session: Session, loaded: Loaded, warn: Warn) -> tuple[Plan, dict[str, frozenset[str]], Facts]:
    """The plan, which texts (Dockerfiles, ignore files) each target was made from, and all that was found out."""
    from bake.app.fetching import RegistryImages
    from bake.app.git_logins import git_logins
    from bake.gather.answers import Answers

    facts = Facts()
    targets = list(loaded.targets.values())
    pins = Pins(pins_of(session).lock)
    login = git_logins(session, loaded.siblings)
    answers = Answers(session.store, lambda: RegistryImages(session.registry), warn, pins, login)
    while True:
        result = session.compile(targets, loaded.siblings, facts)
        needs = result if isinstance(result, Needs) else result.needs
        asked = Needs(texts=needs.texts)
        if not needs.texts and not needs.images:
            if isinstance(result, Plan):
                break
            asked = Needs(urls=needs.urls, gits=needs.gits, askers=needs.askers)  # contexts that hold the Dockerfile
        images = {query: await _image(session, query, warn, pins.image(query)) for query in needs.images}
        facts = await answers.answer(asked, replace(facts, images={**facts.images, **images}))
    return result, {target.name: _texts(session, loaded, target, facts) for target in targets}, facts


async def _image(session: Session, query: ImageQuery, warn: Warn, pinned: str) -> ImageFact:
    """Only an ONBUILD of a base image can copy files, so one that is out of reach is taken to have none."""
    from bake.app.fetching import RegistryImages
    from bake.gather.images import image_fact

    try:
        return await image_fact(query, RegistryImages(session.registry), session.store.files, warn, pinned)
    except BakeError as error:
        message = f"{query.reference} is out of reach: if it has ONBUILD instructions, what they copy is not counted"
        warn(Diagnostic("unknown-base", message, hint=str(error), severity="warning"))
        return UnknownImages()[query]


def _texts(session: Session, loaded: Loaded, target: Target, facts: Facts) -> frozenset[str]:
    asked = _Asked(facts.texts)
    session.compile([target], loaded.siblings, replace(facts, texts=asked))
    return frozenset(form for path in asked.paths for form in (_real(path), os.path.realpath(path)))


class _Asked(dict[str, str | None]):
    """Texts that note which of them were asked for."""

    def __init__(self, texts: Mapping[str, str | None]) -> None:
        super().__init__(texts)
        self.paths: set[str] = set()

    def __getitem__(self, path: str) -> str | None:
        self.paths.add(path)
        return super().__getitem__(path)


def _contexts(plan: Plan) -> Iterator[LocalOp]:
    return (step.op for step in plan.steps.values() if isinstance(step.op, LocalOp))


def _within(root: str, paths: Sequence[str]) -> Iterator[str]:
    return (path[len(root) + 1 :] for path in paths if path.startswith(f"{root}/"))
