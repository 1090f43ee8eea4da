"""A compose file as a whole → the draft of a bake.toml: a target for each service that has a `build`."""

from __future__ import annotations

import re

from bake.errors import Diagnostic, InputError, Source
from bake.importing.compose.document import Mapping, Node, Scalar, Sequence, parse_yaml
from bake.importing.compose.reader import Reader
from bake.importing.compose.services import Service
from bake.importing.compose.variables import Variables
from bake.importing.draft import Draft, Table
from bake.importing.notes import Notes, fault

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_USED = frozenset({"image", "build", "environment", "env_file", "platform", "extends"})
_EXTENDS_LIMIT = 20


def draft_of(source: Source, notes: Notes) -> Draft:
    """Raises InputError with all that is wrong."""
    root = parse_yaml(source)
    draft = Draft()
    reader = Reader(Variables(draft, notes), notes)
    top = reader.mapping(root, "a compose file")
    if "services" not in top.items:
        raise fault(source, root.at, "a compose file needs `services`", code="import-value")
    services = reader.mapping(top.items["services"], "`services`")
    secrets = reader.mapping(top.items.get("secrets", Mapping(0, {}, {})), "`secrets`")
    if "include" in top.items:
        message = "`include` is not followed"
        notes.add("left-out", top.keys["include"], message, "import those files too, and name the results in `include`")
    errors: list[Diagnostic] = []
    built: list[str] = []
    for name, node in services.items.items():
        try:
            service = _extended(reader, services, name, node, 0)
            if "build" in service.items:
                _add(reader, draft, services, secrets, name, service)
                built.append(name.replace(".", "_"))
        except InputError as error:
            errors += error.diagnostics
    if errors:
        raise InputError(errors)
    _finish(draft, built, top, notes)
    return draft


def _finish(draft: Draft, built: list[str], top: Mapping, notes: Notes) -> None:
    if not built:
        notes.add("nothing-to-build", top.keys["services"], "no service has a `build`, so there is no target")
        return
    group = Table(top.keys["services"])
    group.put("targets", built)
    draft.groups["default"] = group


def _add(reader: Reader, draft: Draft, services: Mapping, secrets: Mapping, name: str, service: Mapping) -> None:
    notes, at = reader.notes, services.keys[name]
    ours = name.replace(".", "_")
    if not _NAME.fullmatch(name) or ours in draft.targets or ours.startswith("-"):
        raise fault(notes.source, at, f"'{name}' cannot be the name of a target", code="import-value")
    if ours != name:
        notes.add("renamed", at, f"service `{name}` is called `{ours}`")
    table = Table(at, _above(notes.source, at))
    Service(reader, ours, service, secrets, table).read(service.items["build"])
    draft.targets[ours] = table
    rest = [key for key in service.items if key not in _USED]
    if rest:
        shown = ", ".join(f"`{key}`" for key in rest)
        notes.add("left-out", at, f"service `{name}`: {shown} say how it runs, not how it is built")


def _above(source: Source, at: int) -> tuple[str, ...]:
    """The comment lines right above the line of an offset."""
    lines = source.text[:at].split("\n")[:-1]
    found: list[str] = []
    while lines and lines[-1].lstrip().startswith("#"):
        found.append(lines.pop().strip().lstrip("#").strip())
    return tuple(reversed(found))


def _extended(reader: Reader, services: Mapping, name: str, node: Node, depth: int) -> Mapping:
    """The service with what it `extends` in the same file."""
    service = reader.mapping(node, f"service `{name}`")
    extends = service.items.get("extends")
    if extends is None:
        return service
    at = service.keys["extends"]
    table = extends.items if isinstance(extends, Mapping) else {"service": extends}
    if "file" in table or "service" not in table:
        reader.notes.add("left-out", at, f"service `{name}` extends one of another file, which is not followed")
        return service
    base = reader.text(table["service"])
    if base not in services.items or depth > _EXTENDS_LIMIT:
        why = "is not there" if base not in services.items else "leads to a circle"
        raise fault(reader.notes.source, at, f"service `{name}` extends `{base}`, which {why}", code="import-value")
    below = _extended(reader, services, base, services.items[base], depth + 1)
    return _merged(below, service, top=True)


def _merged(below: Mapping, above: Mapping, top: bool = False) -> Mapping:
    """As compose merges: mappings by key, lists appended, single values replaced."""
    items = {key: value for key, value in below.items.items() if not (top and key == "depends_on")}
    for key, value in above.items.items():
        earlier = items.get(key)
        if key == "build" and isinstance(earlier, Scalar) and isinstance(value, Mapping):
            earlier = Mapping(earlier.at, {"context": earlier}, {"context": earlier.at})
        if key == "build" and isinstance(value, Scalar) and isinstance(earlier, Mapping):
            value = Mapping(value.at, {"context": value}, {"context": value.at})
        if isinstance(earlier, Mapping) and isinstance(value, Mapping):
            items[key] = _merged(earlier, value)
        elif isinstance(earlier, Sequence) and isinstance(value, Sequence):
            items[key] = Sequence(value.at, (*earlier.items, *value.items))
        else:
            items[key] = value
    return Mapping(above.at, items, {**below.keys, **above.keys})
