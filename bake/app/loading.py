"""The spec of a command: found, read with what it includes, and resolved for what was asked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.app.commanded import overrides
from bake.app.session import Session
from bake.errors import Diagnostic, InputError, Source
from bake.gather.parsed import Parsed
from bake.gather.spec_files import matches as files_matching
from bake.gather.spec_files import read_source
from bake.spec.document import SIZE_LIMIT, KnownSource
from bake.spec.request import Request
from bake.spec.resolve import Resolved, resolve
from bake.spec.target import Target
from bake.spec.workspace import FileGlob, Spec
from bake.spec.workspace import load as load_spec

FILE = "bake.toml"
_MOST = 4 * SIZE_LIMIT
"""Characters of all files of a workspace."""
_TOO_MUCH = Diagnostic(
    "file-too-large", f"the files of this workspace have more than {_MOST} characters", hint="include fewer"
)


@dataclass(frozen=True)
class Loaded:
    """`root`: the directory of the spec; `targets`: what was asked for, by name, in declaration order."""

    root: str
    resolved: Resolved
    targets: dict[str, Target]

    @property
    def siblings(self) -> Resolved:
        """What the compiler asks for other targets."""
        return self.resolved


def load(session: Session, names: Sequence[str] | None = None) -> Loaded:
    """Raises InputError with everything that is wrong. `names` None takes those of the options."""
    options = session.options
    path = find(options.directory, options.file)
    spec = read(path, session.environment)
    resolved = resolve(spec, request(session, spec, options.names if names is None else names))
    targets = {name: resolved.target(name) for name in resolved.requested}
    return Loaded(spec.directory, resolved, targets)


def request(session: Session, spec: Spec, names: Sequence[str]) -> Request:
    """What the options of the session ask of that spec."""
    options = session.options
    return Request(
        names=tuple(names),
        variables=options.vars,
        environment=session.environment,
        profiles=options.profiles,
        overrides=(*options.sets, *overrides(options)),
        git=lambda: _git(spec.directory),
        platform=str(session.platform),
    )


def find(directory: str, file: str | None) -> Path:
    """The spec's file: the given one, else `bake.toml` here or in the nearest directory above."""
    start = Path(os.path.abspath(directory))
    if file is not None:
        path = start / file
        if path.is_file():
            return path
        raise InputError(Diagnostic("no-spec", f"there is no file {file}", hint="check -f"))
    for place in (start, *start.parents):
        if (place / FILE).is_file():
            return place / FILE
    message = f"there is no {FILE} in {start} or above"
    raise InputError(Diagnostic("no-spec", message, hint="name one with -f FILE"))


def read(path: Path, environment: Mapping[str, str] = os.environ) -> Spec:
    """The file at `path` with all that it includes."""
    return read_all(path, environment)[0]


def read_all(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[Spec, tuple[str, ...]]:
    """As `read`, and the absolute paths of the files that were read."""
    texts: dict[str, Source | Diagnostic] = {}
    matches: dict[FileGlob, Sequence[str] | Diagnostic] = {}
    parsed = Parsed(environment, str(path))
    size = 0
    while True:
        result = load_spec(str(path), texts, matches)
        if isinstance(result, Spec):
            parsed.keep((m.file.source.text, m.file.document.data) for m in result.members if m.file.document.data)
            return result, tuple(texts)
        for query in result.globs:
            matches[query] = _matches(query)
        for name in result.paths:
            found = read_source(name, _shown(name, path.parent)) if size <= _MOST else _TOO_MUCH
            size += len(found.text) if isinstance(found, Source) else 0
            texts[name] = _known(found, parsed)


def _known(source: Source | Diagnostic, parsed: Parsed) -> Source | Diagnostic:
    data = parsed.data(source.text) if isinstance(source, Source) else None
    return source if data is None or isinstance(source, Diagnostic) else KnownSource(source.name, source.text, data)


def _matches(query: FileGlob) -> Sequence[str] | Diagnostic:
    try:
        return files_matching(query)
    except InputError as error:
        return error.diagnostics[0]


def _shown(name: str, root: Path) -> str:
    """As a user in the working directory would call it."""
    shown = os.path.relpath(name)
    return shown if not shown.startswith("../..") else os.path.relpath(name, root)


def _git(directory: str) -> dict[str, str]:
    from bake.gather.repository import git_facts

    return dict(git_facts(directory))
