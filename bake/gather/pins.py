"""What a run takes from bake.lock instead of asking for it, and what a strict run refuses (SPEC §3.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bake.errors import Diagnostic, InputError
from bake.gather.lockfile import Lock, Name
from bake.oci.reference import parse_reference
from bake.plan.bases import LAYOUT
from bake.plan.facts import ImageQuery, Needs
from bake.plan.step import GitOp, HttpOp


@dataclass(frozen=True)
class Pins:
    """`lock` None: there is no lock file. `strict`: what it does not name is refused. `file`: what users call it."""

    lock: Lock | None = None
    strict: bool = False
    file: str = "bake.lock"
    told: set[Name] = field(default_factory=set)

    def image(self, query: ImageQuery) -> str:
        """The digest of the manifest for the platform, else of what the tag stood for; "" if nothing is pinned."""
        lock = None if query.reference.startswith(LAYOUT) else self.lock
        entry = lock.entries.get(name_of_image(query), {}) if lock else {}
        return entry.get(query.platform) or entry.get("digest", "")

    def url(self, op: HttpOp) -> str:
        """The digest of what the URL served."""
        return self.lock.main(name_of_url(op)) if self.lock else ""

    def git(self, op: GitOp) -> str:
        """The commit of the ref."""
        return self.lock.main(name_of_git(op)) if self.lock else ""

    def check(self, needs: Needs) -> list[Diagnostic]:
        """Warnings for what a lock should name and does not, each once. Raises InputError for it in a strict run."""
        if self.lock is None and not self.strict:
            return []
        entries = self.lock.entries if self.lock else {}
        missing = [n for n in dict.fromkeys(names_of(needs)) if n not in entries and n not in self.told]
        self.told.update(missing)
        if missing and self.strict:
            raise InputError([_refusal(name, self) for name in missing])
        hint = "`bake lock` adds it"
        return [
            Diagnostic("not-locked", f"{what} is not in {self.file}", hint=hint, severity="warning")
            for _, what in missing
        ]


def _refusal(name: Name, pins: Pins) -> Diagnostic:
    if pins.lock is None:
        message = f"--locked, but there is no {pins.file}: {name[1]} is not pinned"
        return Diagnostic("not-locked", message, hint="write it with `bake lock`, and commit it")
    return Diagnostic("not-locked", f"{name[1]} is not in {pins.file}", hint="run `bake lock`, and commit the file")


def names_of(needs: Needs) -> Iterator[Name]:
    """What is asked for that a lock can pin: without what names its own digest, checksum or commit."""
    remote = (query for query in needs.images if not query.reference.startswith(LAYOUT))
    yield from (name_of_image(query) for query in remote if not parse_reference(query.reference).digest)
    yield from (name_of_git(op) for op in needs.gits if not _is_commit(op.ref))
    yield from (name_of_url(op) for op in needs.urls if not op.checksum)


def name_of_image(query: ImageQuery) -> Name:
    layout = query.reference.startswith(LAYOUT)
    return "image", query.reference if layout else str(parse_reference(query.reference).with_default_tag())


def name_of_url(op: HttpOp) -> Name:
    return "url", _public(op.url)


def name_of_git(op: GitOp) -> Name:
    return "git", _public(op.url) + (f"#{op.ref}" if op.ref else "")


def _is_commit(ref: str) -> bool:
    return len(ref) in (40, 64) and all(c in "0123456789abcdef" for c in ref)


def _public(url: str) -> str:
    """Without a password: the lock is committed."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if not separator or "@" not in authority or ":" not in authority.rpartition("@")[0]:
        return url
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
