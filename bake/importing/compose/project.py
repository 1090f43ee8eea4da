"""A compose file as a whole → the draft of a bake.toml: a target for each service that has a `build`."""

from __future__ import annotations

import posixpath
import re

from bake.errors import Diagnostic, InputError, Source
from bake.importing.compose import comments
from bake.importing.compose.document import Mapping
from bake.importing.compose.loading import Loader, Project
from bake.importing.compose.reader import Reader
from bake.importing.compose.services import Service
from bake.importing.compose.variables import Variables
from bake.importing.draft import Draft, Table
from bake.importing.files import Fetch, Files
from bake.importing.notes import Notes, fault

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_USED = frozenset({"image", "build", "environment", "env_file", "platform", "extends"})


def draft_of(sources: list[Source], files: Files, notes: Notes, fetch: Fetch) -> Draft:
    """All files as one project. Raises InputError with all that is wrong."""
    draft = Draft()
    reader = Reader(Variables(draft, notes), notes)
    loader = Loader(files, reader, posixpath.dirname(sources[0].name), fetch)
    project = loader.project(sources)
    if "services" not in project.top.items and not project.names:
        raise fault(files, project.top.at, "a compose file needs `services`", code="import-value")
    errors: list[Diagnostic] = []
    built: list[str] = []
    for name in project.names:
        try:
            service = loader.service(project, name)
            if "build" in service.items:
                _add(loader, draft, project, name, service)
                built.append(name.replace(".", "_"))
            else:
                message = f"service `{name}` has no `build`, so it is no target"
                notes.add("without-build", project.place(name), message, "docker compose goes on running it")
        except InputError as error:
            errors += error.diagnostics
    if errors:
        raise InputError(errors)
    draft.above = comments.head(sources[0].text)
    _finish(draft, built, project, notes)
    return draft


def _end(project: Project, name: str, end: int) -> int:
    """Where the next service begins, or what follows all of them."""
    at = project.place(name)
    tops = project.top.keys.values()
    return min((each for each in (*map(project.place, project.names), *tops) if each > at), default=end)


def _finish(draft: Draft, built: list[str], project: Project, notes: Notes) -> None:
    at = project.top.keys.get("services", project.top.at)
    if not built:
        notes.add("nothing-to-build", at, "no service has a `build`, so there is no target")
        return
    group = Table(at, comments.above(notes.source, at))
    group.put("targets", built)
    draft.groups["default"] = group


def _add(loader: Loader, draft: Draft, project: Project, name: str, service: Mapping) -> None:
    notes, at = loader.reader.notes, project.place(name)
    ours = name.replace(".", "_")
    if not _NAME.fullmatch(name) or ours in draft.targets or ours.startswith("-"):
        raise fault(notes.source, at, f"'{name}' cannot be the name of a target", code="import-value")
    if ours != name:
        notes.add("renamed", at, f"service `{name}` is called `{ours}`")
    table = Table(at, comments.above(notes.source, at))
    reading = Service(loader.reader, ours, service, project.secrets, table)
    reading.env_files = loader.env_files(service)
    reading.read(service.items["build"])
    comments.attach(notes.source, table, at, _end(project, name, len(notes.source.text)))
    draft.targets[ours] = table
    rest = [key for key in service.items if key not in _USED]
    if rest:
        shown = ", ".join(f"`{key}`" for key in rest)
        notes.add("left-out", at, f"service `{name}`: {shown} say how it runs, not how it is built")
