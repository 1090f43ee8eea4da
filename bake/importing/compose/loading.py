"""Compose files → one project: several files merged, `include` and `extends` followed, `.env` read.

Facts: reference/buildx-bake.md §3.7. Paths are seen from the directory of the first file.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from bake.errors import InputError, Source
from bake.importing.compose.document import Mapping, Node, Scalar, Sequence, parse_yaml
from bake.importing.compose.dotenv import read_dotenv
from bake.importing.compose.merging import EMPTY, merged
from bake.importing.compose.moving import below, moved_secret, moved_service
from bake.importing.compose.reader import Reader
from bake.importing.files import Fetch, Files
from bake.importing.notes import SIZE_LIMIT, fault

_DEPTH_LIMIT = 20
_FILE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Project:
    """`services`: those of its own files, as written; `included`: those of the files it includes, complete.
    `directory`: where its paths start, seen from the root."""

    top: Mapping
    services: Mapping
    secrets: Mapping
    included: Mapping = EMPTY
    directory: str = ""

    @property
    def names(self) -> list[str]:
        """All services in order."""
        return [*dict.fromkeys((*self.included.items, *self.services.items))]

    def place(self, name: str) -> int:
        """The offset of a service's name."""
        return {**self.included.keys, **self.services.keys}[name]


class Loader:
    """For one import: reads each file that is named once. `root`: the directory of the first file."""

    def __init__(self, files: Files, reader: Reader, root: str, fetch: Fetch) -> None:
        self.files = files
        self.reader = reader
        self.root = root
        self._fetch = fetch
        self._known: dict[str, Mapping] = {}

    def project(self, sources: list[Source]) -> Project:
        """All files as one. Raises InputError."""
        self._environment(".env")
        tops = [self._parsed(source) for source in sources]
        whole = tops[0]
        for top in tops[1:]:
            whole = merged(whole, top)
        return self._included(whole, "", 0)

    def text(self, path: str) -> str | None:
        """A file, by its path from the root."""
        return self._fetch(posixpath.join(self.root, path) if self.root else path)

    def service(self, project: Project, name: str, depth: int = 0) -> Mapping:
        """A service with what it `extends`, its paths seen from the root. Raises InputError."""
        node = project.services.items.get(name)
        if node is None:
            found = project.included.items[name]
            assert isinstance(found, Mapping)
            return found
        written = self.reader.mapping(node, f"service `{name}`")
        own = moved_service(written, project.directory)
        if "extends" in own.items:
            under = self._base(project, name, own, depth)
            own = replace(own, items={key: value for key, value in own.items.items() if key != "extends"})
            own = merged(under, own) if under is not None else own
        earlier = project.included.items.get(name)
        return merged(earlier, own) if isinstance(earlier, Mapping) else own

    def _base(self, project: Project, name: str, service: Mapping, depth: int) -> Mapping | None:
        """What a service extends; None, with a note, when its file is not there."""
        extends, at = service.items["extends"], service.keys["extends"]
        table = extends.items if isinstance(extends, Mapping) else {"service": extends}
        if depth > _DEPTH_LIMIT:
            raise self._fault(at, f"service `{name}` extends one that leads to a circle")
        base = self.reader.text(table["service"]) if "service" in table else name
        other = self._other(project, self.reader.text(table["file"]), at) if "file" in table else project
        if other is None:
            return None
        if base not in other.names:
            raise self._fault(at, f"service `{name}` extends `{base}`, which is not there")
        under = self.service(other, base, depth + 1)
        return replace(under, items={key: value for key, value in under.items.items() if key != "depends_on"})

    def _other(self, project: Project, path: str, at: int) -> Project | None:
        """The file that `extends` names; None, with a note, when it is not there."""
        path = below(project.directory, path)
        top = self._file(path, at)
        if top is None:
            self.reader.notes.add("missing-file", at, f"{path} is not there, so that nothing is taken from it")
            return None
        services = self.reader.mapping(top.items.get("services", EMPTY), "`services`")
        return Project(top, services, EMPTY, directory=posixpath.dirname(path))

    def _included(self, top: Mapping, directory: str, depth: int) -> Project:
        """The file with those that it includes below it."""
        services = self.reader.mapping(top.items.get("services", EMPTY), "`services`")
        secrets = self.reader.mapping(top.items.get("secrets", EMPTY), "`secrets`")
        includes = top.items.get("include")
        entries = includes.items if isinstance(includes, Sequence) else (includes,) if includes is not None else ()
        included, inner_secrets = EMPTY, EMPTY
        for entry in entries:
            inner = self._include(entry, directory, depth)
            done: dict[str, Node] = {name: self.service(inner, name) for name in inner.names}
            places = {name: inner.place(name) for name in done}
            included = merged(included, Mapping(inner.top.at, done, places))
            inner_secrets = merged(inner_secrets, inner.secrets)
        moved = {name: moved_secret(each, directory) for name, each in secrets.items.items()}
        return Project(top, services, merged(inner_secrets, replace(secrets, items=moved)), included, directory)

    def _include(self, entry: Node, directory: str, depth: int) -> Project:
        """What one entry of `include` names, its paths seen from the root."""
        keys = entry.items if isinstance(entry, Mapping) else {"path": entry}
        paths = [below(directory, each) for each in self.reader.texts(keys["path"])] if "path" in keys else []
        if not paths or depth > _DEPTH_LIMIT:
            why = "leads to a circle" if paths else "needs a `path`"
            raise self._fault(entry.at, f"this `include` {why}")
        home = posixpath.dirname(paths[0])
        if "project_directory" in keys:
            home = below(directory, self.reader.text(keys["project_directory"]))
        named = self.reader.texts(keys["env_file"]) if "env_file" in keys else []
        for path in [below(directory, each) for each in named] or [below(home, ".env")]:
            self._environment(path)
        whole = EMPTY
        for path in paths:
            top = self._file(path, entry.at)
            if top is None:
                self.reader.notes.add(
                    "missing-file", entry.at, f"{path} is not there, so that nothing is taken from it"
                )
            else:
                whole = merged(whole, top)
        return self._included(whole, home, depth + 1)

    def _file(self, path: str, at: int) -> Mapping | None:
        if path not in self._known:
            text = self.text(path)
            if text is None:
                return None
            if len(self.files) >= _FILE_LIMIT or len(self.files.text) + len(text) > 2 * SIZE_LIMIT:
                raise self._fault(at, "the files that these files name are too many", "too-much-work")
            self._known[path] = self._parsed(Source(posixpath.join(self.root, path), text))
        return self._known[path]

    def _parsed(self, source: Source) -> Mapping:
        return self.reader.mapping(parse_yaml(self.files, *self.files.add(source)), "a compose file")

    def _environment(self, path: str) -> None:
        """Values of `.env`, of which the first file's win."""
        text = self.text(path)
        for name, value in (read_dotenv(text) if text is not None else {}).items():
            if value is not None:
                self.reader.variables.defaults.setdefault(name, value)

    def env_files(self, service: Mapping) -> dict[str, str | None]:
        """What the files below `env_file` say. One that is missing is noted."""
        node = service.items.get("env_file")
        found: dict[str, str | None] = {}
        for each in node.items if isinstance(node, Sequence) else (node,) if node is not None else ():
            keys = each.items if isinstance(each, Mapping) else {"path": each}
            path = self.reader.text(keys.get("path", Scalar(each.at, "")))
            text = self.text(path) if path else None
            if text is None and "required" not in keys:
                self.reader.notes.add("missing-file", each.at, f"{path} is not there, so that nothing is taken from it")
            found.update(read_dotenv(text or ""))
        return {name: None if value is None else value.replace("${", "$${") for name, value in found.items()}

    def _fault(self, at: int, message: str, code: str = "import-value") -> InputError:
        return fault(self.files, at, message, code=code)
