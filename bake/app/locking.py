"""`bake lock`: everything from outside that any target reads, pinned to what it is now (SPEC §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bake.app.git_logins import git_logins
from bake.app.loading import Loaded, find, load
from bake.app.options import Options
from bake.app.pinning import lock_path, shown
from bake.app.session import Session
from bake.errors import Diagnostic, InputError, nearest
from bake.gather.answers import Answers
from bake.gather.lock_text import lock_text
from bake.gather.lockfile import Lock, Name, main_key, read_lock
from bake.gather.pins import Pins, name_of_git, name_of_image, name_of_url
from bake.oci.reference import parse_reference
from bake.plan.bases import LAYOUT
from bake.plan.facts import Facts, ImageFact, Needs
from bake.plan.outcome import Plan

if TYPE_CHECKING:
    from bake.gather.images import ImageSource
    from bake.oci.platform import Platform
    from bake.oci.reference import Reference

Warn = Callable[[Diagnostic], None]


@dataclass(frozen=True)
class Change:
    """An entry before and after; "" where there is none. An entry whose platforms alone changed has equal values."""

    name: Name
    old: str
    new: str


@dataclass(frozen=True)
class Locked:
    """`file` as shown to users; `entries` counts what it holds now."""

    file: str
    changes: tuple[Change, ...]
    entries: int


async def lock(options: Options, *, upgrade: Sequence[str] | None, check: bool, warn: Warn) -> Locked:
    """Writes the lock of the workspace. `upgrade`: names to look up anew, all if empty, None for none.

    Entries that nothing uses are taken out, unless the spec was changed by --profile, --set or --var. With `check`
    nothing is written, and a lock that would change is an InputError. Raises InputError or RemoteError.
    """
    with Session(options) as session:
        loaded = load(session, ("all",))
        path = lock_path(find(options.directory, options.file))
        old = read_lock(path, shown(path)) or Lock()
        renewed = frozenset(old.entries) if upgrade == [] or upgrade == () else _named(old, upgrade or ())
        kept = Lock({name: row for name, row in old.entries.items() if name not in renewed})
        tops = _Tops(session)
        login = git_logins(session, loaded.siblings)
        answers = Answers(session.store, lambda: tops, _of_others(warn), Pins(kept), login)
        facts, _ = await ask(session, loaded, answers)
        found = _locked(facts, kept, tops.found)
        unused = {n: row for n, row in kept.entries.items() if n not in found} if _other_form(options) else {}
        new = Lock({**unused, **found})
        changes = _changes(old, new)
        if changes and check:
            raise InputError([_drift(change, path.name) for change in changes])
        if changes or not path.exists():
            text = path.read_text("utf-8") if path.exists() else ""
            part = path.with_name(f".{path.name}.part")
            part.write_text(lock_text(new, text), "utf-8")
            part.replace(path)
        return Locked(shown(path), changes, len(new.entries))


async def ask(session: Session, loaded: Loaded, answers: Answers, *, pull: bool = True) -> tuple[Facts, Plan]:
    """The facts from outside that the targets need, and their plan with no file of any context read."""
    facts = Facts()
    while True:
        result = session.compile(list(loaded.targets.values()), loaded.siblings, facts, pull=pull)
        needs = result if isinstance(result, Needs) else result.needs
        asked = replace(needs, trees={})
        if not asked:
            assert isinstance(result, Plan), "no file of a context is needed to compile"
            return facts, result
        facts = await answers.answer(asked, facts)


def _of_others(warn: Warn) -> Warn:
    """That something is not locked yet is no news while it is being locked."""
    return lambda found: warn(found) if found.code != "not-locked" else None


class _Tops:
    """`ImageSource` that notes what each tag stood for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.found: dict[str, str] = {}

    def _source(self) -> ImageSource:
        from bake.app.fetching import RegistryImages

        return RegistryImages(self._session.registry)

    async def digest_of(self, reference: Reference) -> str:
        name = str(reference.with_default_tag())
        if name not in self.found:
            self.found[name] = await self._source().digest_of(reference)
        return self.found[name]

    async def image(self, reference: Reference, platform: Platform) -> ImageFact:
        return await self._source().image(reference, platform)


def _locked(facts: Facts, kept: Lock, tops: Mapping[str, str]) -> dict[Name, dict[str, str]]:
    """An entry for each input that does not name its own digest."""
    found: dict[Name, dict[str, str]] = {}
    for query, fact in facts.images.items():
        if query.reference.startswith(LAYOUT) or parse_reference(query.reference).digest:
            continue  # a directory of this host is no input from outside
        name = name_of_image(query)
        row = found.setdefault(name, dict(kept.entries.get(name, {"digest": tops.get(name[1], "")})))
        row[query.platform] = fact.digest
    for op, url in facts.urls.items():
        if not op.checksum:
            found[name_of_url(op)] = {"digest": url.digest}
    for git, checkout in facts.gits.items():
        if git.ref != checkout.commit:
            found[name_of_git(git)] = {"commit": checkout.commit}
    return found


def _other_form(options: Options) -> bool:
    return bool(options.profiles or options.sets or options.vars)


def _named(lock: Lock, texts: Sequence[str]) -> frozenset[Name]:
    """The entries that `texts` mean: a name as written in a FROM, without its tag, or a glob. Raises InputError."""
    found: set[Name] = set()
    for text in texts:
        fitting = {name for name in lock.entries if any(fnmatchcase(form, text) for form in _forms(name))}
        if not fitting:
            near = nearest(text, [form for name in lock.entries for form in _forms(name)])
            hint = f"did you mean '{near}'?" if near else "its entries are named as in the file"
            raise InputError(Diagnostic("not-locked", f"'{text}' is not in the lock", hint=hint))
        found |= fitting
    return frozenset(found)


def _forms(name: Name) -> tuple[str, ...]:
    kind, text = name
    if kind != "image":
        return text, text.rpartition("/")[2]
    reference = parse_reference(text)
    familiar = reference.familiar
    last = familiar.rpartition("/")[2]
    return text, familiar, last, *(form.rpartition(":")[0] for form in (familiar, last))


def _changes(old: Lock, new: Lock) -> tuple[Change, ...]:
    names = sorted({*old.entries, *new.entries})
    return tuple(Change(n, old.main(n), new.main(n)) for n in names if old.entries.get(n) != new.entries.get(n))


def _drift(change: Change, file: str) -> Diagnostic:
    kind, name = change.name
    if not change.old:
        message = f"{name} is not in {file}"
    elif not change.new:
        message = f"{file} has {name}, which nothing uses"
    else:
        message = (
            f"{file} lacks a platform of {name}" if change.old == change.new else f"{name} has another {main_key(kind)}"
        )
    return Diagnostic("lock-drift", message, hint="run `bake lock`, and commit the file")
