"""Several files as one spec: what `include` brings in, how its targets are called, and what collides.

Nothing is read here. `load` is called with the texts known so far and says which globs and files it still needs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import dirname, join, normpath, relpath

from bake.errors import Diagnostic, InputError, Source
from bake.spec.declarations import Group, SpecFile
from bake.spec.document import Place
from bake.spec.file import parse_file
from bake.spec.layer import Layer
from bake.spec.report import Report

_GLOB = frozenset("*?[")
DEPTH_LIMIT = 50
"""Files that include one another in a row."""


@dataclass(frozen=True, slots=True)
class FileGlob:
    """Which files match `pattern` (`**` = any depth) from the absolute `directory`? A plain path matches itself."""

    directory: str
    pattern: str


@dataclass(frozen=True, slots=True)
class NeedFiles:
    """What `load` must know before it can go on: matches of globs, texts of absolute paths."""

    globs: tuple[FileGlob, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Member:
    """A file in the workspace. `prefix`: its directory from the root's, "" when it is the same."""

    file: SpecFile
    prefix: str = ""
    parent: Member | None = None

    @property
    def depth(self) -> int:
        """How many files lie between it and the root, itself counted."""
        return sum(1 for _ in lineage(self)) - 1

    def full(self, name: str) -> str:
        """`DIRECTORY:NAME`, the name that is valid in the whole workspace."""
        return f"{self.prefix}:{name}" if self.prefix else name


@dataclass(frozen=True, eq=False)
class Declared:
    """A target as declared. `overlays` are what including files say about it."""

    name: str
    member: Member
    layer: Layer
    overlays: tuple[Layer, ...] = ()

    @property
    def short(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def is_template(self) -> bool:
        return self.short.startswith("_")


@dataclass(frozen=True, eq=False)
class DeclaredGroup:
    """A group as declared."""

    name: str
    member: Member
    group: Group


@dataclass(frozen=True, eq=False)
class Spec:
    """All that is declared, in order: the root file's first. `findings` are raised when it is resolved."""

    directory: str
    members: tuple[Member, ...]
    targets: Mapping[str, Declared] = field(repr=False)
    groups: Mapping[str, DeclaredGroup] = field(repr=False)
    shorts: Mapping[str, tuple[str, ...]] = field(repr=False)
    """Short name → the full names that it may mean."""
    findings: tuple[Diagnostic, ...] = field(repr=False, default=())

    @property
    def root(self) -> Member:
        return self.members[0]

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of all profiles, of all files."""
        return tuple(dict.fromkeys(name for member in self.members for name in member.file.profiles))

    def find(self, name: str, member: Member) -> tuple[str, ...]:
        """The full names that `name` may mean in `member`: its own first, then an exact one, then short ones."""
        for full in (member.full(name), name):
            if full in self.targets or full in self.groups:
                return (full,)
        return self.shorts.get(name, ())


def load(
    root: str,
    texts: Mapping[str, Source | Diagnostic],
    matches: Mapping[FileGlob, Sequence[str] | Diagnostic],
) -> Spec | NeedFiles:
    """The spec of the file at the absolute path `root`; or what must be read first.

    `texts`: absolute path → text; `matches`: the answer to a glob, absolute paths in any order; both, or why there is
    none. Raises InputError when the root file itself has no text; everything else is a finding of the spec.
    """
    root = normpath(root)
    if root not in texts:
        return NeedFiles(paths=(root,))
    unread = texts[root]
    if isinstance(unread, Diagnostic):
        raise InputError(unread)
    report = Report()
    members: dict[str, Member] = {}
    globs: list[FileGlob] = []
    missing: list[str] = []
    todo: deque[tuple[str, Member | None, Place | None]] = deque([(root, None, None)])
    while todo:
        path, parent, said = todo.popleft()
        if path in members:
            continue
        text = texts.get(path)
        if text is None:
            missing.append(path)
            continue
        if isinstance(text, Diagnostic):
            report.add(text.at(said.span() if said else None))
            continue
        if parent is not None and said is not None and parent.depth >= DEPTH_LIMIT:
            message = f"files include each other more than {DEPTH_LIMIT} deep"
            report.add(Diagnostic("nested-too-deeply", message, said.span()))
            continue
        directory = dirname(path)
        prefix = relpath(directory, dirname(root))
        member = Member(parse_file(text, directory), "" if prefix == "." else prefix, parent)
        members[path] = member
        for query, place in _queries(member):
            found = matches.get(query)
            if found is None:
                globs.append(query)
            elif isinstance(found, Diagnostic):
                report.add(found.at(place.span()))
            elif not found:
                report.add(_no_match(query, place))
            else:
                todo += [(each, member, place) for each in sorted(map(normpath, found)) if each != path]
    if globs or missing:
        return NeedFiles(tuple(dict.fromkeys(globs)), tuple(dict.fromkeys(missing)))
    return assemble(list(members.values()), report)


def spec_of(text: str, name: str = "bake.toml", directory: str = "/") -> Spec:
    """The spec of one text, for tests and tools. Raises InputError when it includes other files."""
    path = normpath(join(directory, name))
    source = Source(name, text)
    spec = load(path, {path: source}, {})
    if isinstance(spec, NeedFiles):
        place = parse_file(source, dirname(path)).includes[0].place
        raise InputError(Diagnostic("include-not-found", "other files cannot be included here", place.span()))
    return spec


def _queries(member: Member) -> Iterator[tuple[FileGlob, Place]]:
    for leaf in member.file.includes:
        yield FileGlob(member.file.directory, str(leaf.raw)), leaf.place


def _no_match(query: FileGlob, place: Place) -> Diagnostic:
    if _GLOB & set(query.pattern):
        return Diagnostic(
            "include-matches-nothing", f"no file matches '{query.pattern}'", place.span(), severity="warning"
        )
    return Diagnostic("include-not-found", f"there is no file '{query.pattern}'", place.span())


def assemble(members: Sequence[Member], report: Report) -> Spec:
    """Members, the root first, as one spec; collisions go to its findings, together with those of `report`."""
    targets: dict[str, Declared] = {}
    groups: dict[str, DeclaredGroup] = {}
    overlays: list[tuple[Member, str, Layer]] = []
    places: dict[str, Place] = {}
    for member in members:
        report.extend(member.file.findings)
        for name, layer in member.file.targets.items():
            if ":" in name:
                overlays.append((member, name, layer))
            elif _is_new(member.full(name), layer.place, places, report):
                targets[member.full(name)] = Declared(member.full(name), member, layer)
        for name, group in member.file.groups.items():
            if _is_new(member.full(name), group.place, places, report):
                groups[member.full(name)] = DeclaredGroup(member.full(name), member, group)
    _lay_over(targets, overlays, report)
    spec = Spec(members[0].file.directory, tuple(members), targets, groups, _shorts(targets, groups), ())
    _check_profiles(spec, report)
    return replace(spec, findings=tuple(report.sorted()))


def _is_new(name: str, place: Place, places: dict[str, Place], report: Report) -> bool:
    first = places.setdefault(name, place)
    if first is place:
        return True
    kinds = {"target": "a target", "group": "a group"}
    here, there = (kinds.get(str(each.path[-2]), "") for each in (place, first))
    message = f"`{name}` is declared twice: as {here} here, and as {there}"
    related = ((first.key_span(), "first declared here"),)
    report.add(Diagnostic("duplicate-name", message, place.key_span(), "give one another name", related=related))
    return False


def _lay_over(targets: dict[str, Declared], overlays: Sequence[tuple[Member, str, Layer]], report: Report) -> None:
    """`[target."services/api:app"]` in an including file changes that target."""
    for member, written, layer in overlays:
        directory, _, name = written.rpartition(":")
        prefix = normpath(join(member.prefix or ".", directory))
        full = f"{prefix}:{name}" if prefix != "." else name
        target = targets.get(full)
        if target is None:
            hint = report.hint(full, tuple(targets))
            report.add(
                Diagnostic("unknown-target", f"no included target is called `{full}`", layer.place.key_span(), hint)
            )
            continue
        targets[full] = Declared(full, target.member, target.layer, (*target.overlays, layer))


def _shorts(targets: Mapping[str, Declared], groups: Mapping[str, DeclaredGroup]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for full in (*targets, *groups):
        short = full.rpartition(":")[2]
        if short != full:
            found[short] = (*found.get(short, ()), full)
    return found


def _check_profiles(spec: Spec, report: Report) -> None:
    """A profile changes what is declared; only groups may be new in it."""
    for member in spec.members:
        for profile in member.file.profiles.values():
            for name, layer in profile.targets.items():
                if profile_target(spec, member, name) is None:
                    hint = report.hint(name, tuple(spec.targets))
                    message = f"profile `{profile.name}` changes target `{name}`, which is not declared"
                    report.add(Diagnostic("unknown-target", message, layer.place.key_span(), hint))
            for name, group in profile.groups.items():
                if member.full(name) in spec.targets:
                    taken = spec.targets[member.full(name)].layer.place
                    _is_new(member.full(name), group.place, {member.full(name): taken}, report)
            for name, variable in profile.variables.items():
                if not any(name in scope.file.variables for scope in lineage(member)):
                    hint = report.hint(name, tuple(member.file.variables))
                    message = f"profile `{profile.name}` changes variable `{name}`, which is not declared"
                    report.add(Diagnostic("undefined-variable", message, variable.place.key_span(), hint))


def with_profiles(spec: Spec, profiles: Sequence[str]) -> Spec:
    """The spec with the groups of the profiles, which replace those of the same name or are new."""
    groups = dict(spec.groups)
    for name in profiles:
        for member in spec.members:
            profile = member.file.profiles.get(name)
            for short, group in profile.groups.items() if profile else ():
                groups[member.full(short)] = DeclaredGroup(member.full(short), member, group)
    return replace(spec, groups=groups, shorts=_shorts(spec.targets, groups))


def profile_target(spec: Spec, member: Member, name: str) -> str | None:
    """The target that a profile of `member` means by `name`."""
    found = [full for full in spec.find(name, member) if full in spec.targets]
    return found[0] if len(found) == 1 else None


def lineage(member: Member) -> Iterator[Member]:
    """A member and those that include it, inside out: where its variables are looked for."""
    each: Member | None = member
    while each is not None:
        yield each
        each = each.parent
